"""Each variant forward and in training, against a matrix product and a copy of the same run.

    python -m benchmarks.model --json figures.json
    python -m benchmarks.model --variants smlnet_lite --batches 1,8,fits --dtype bfloat16
    python -m benchmarks.model --peer 'net.py:SPARNet()'    # a PyTorch module, timed in the same rounds

Prints milliseconds an image, GFLOP/s, what share of the product's GFLOP/s that is, and what share of the
copy's bandwidth XLA's estimate of the traffic is (above 100 % where caches serve it). Compile times are with
an empty persistent cache (cold) and with a filled one (warm); memory is what XLA plans for one call:
arguments, results and temporaries. `fits` stands for the largest batch that this plan has room for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.compilation_cache import compilation_cache

from benchmarks.peer import FORMS, Peer
from benchmarks.timing import Call, Copy, Matmul, Ratio, Timing, arguments, interleaved, row, write
from smlnet_jax.config import Config, model_config
from smlnet_jax.errors import UserError, one_line_errors
from smlnet_jax.models import Model, create
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh
from smlnet_jax.training.state import abstract_state, born_sharded
from smlnet_jax.training.step import Images, jit_step

TRAINING_MACS = 3  # of a forward pass: the backward pass computes two products for each
LARGEST_SHARE = 0.8  # of the free memory, for the batch that fits


class Program(NamedTuple):
    """Something to compile and time: `start` makes its arguments, `repeat` a call that can be made again."""

    name: str
    batch: int
    passes: int  # in units of a forward pass
    jitted: Any
    start: Callable[[], tuple[Any, ...]]
    repeat: Callable[[Any, tuple[Any, ...]], Call]


def forward(model: Model, batch: int, size: int) -> Program:
    """`model.apply`, of images that lie on the device."""

    def start():
        params = jax.jit(model.init)(jax.random.key(0))
        return params, jax.random.uniform(jax.random.key(1), (batch, size, size, 3))

    def repeat(compiled, given):
        return lambda: compiled(*given)

    jitted = jax.jit(lambda params, x: model.apply(params, x).sr)
    return Program(f"forward, batch {batch}", batch, 1, jitted, start, repeat)


def training(model: Model, batch: int, size: int) -> Program:
    """The step of training itself: LR enlarged, loss, gradient, Adam, average; its state is donated."""
    config = Config(model=model.config)
    tx = transformation(config.optim)
    abstract = abstract_state(model, tx, data_mesh(jax.devices()[:1]), fsdp=False)

    def start():
        key = jax.random.key(1)
        lr = jax.random.randint(key, (batch, size // 8, size // 8, 3), 0, 256, jnp.uint8)
        hr = jax.random.randint(key, (batch, size, size, 3), 0, 256, jnp.uint8)
        return born_sharded(0, model, tx, abstract), Images(hr, lr)

    def repeat(compiled, given):
        state, images = given

        def call():
            nonlocal state
            state, metrics = compiled(state, images)
            return metrics

        return call

    jitted = jit_step(model, tx, config, abstract)
    return Program(f"training step, batch {batch}", batch, TRAINING_MACS, jitted, start, repeat)


def compiled_cold_and_warm(program: Program, given: tuple[Any, ...]) -> tuple[Any, float, float]:
    """The program; seconds to trace and compile it from nothing, and again from a persistent cache."""
    with _fresh_cache():
        seconds = []
        for _ in ("cold", "warm"):
            jax.clear_caches()
            begun = time.perf_counter()
            compiled = program.jitted.lower(*given).compile()
            seconds.append(time.perf_counter() - begun)
    return compiled, seconds[0], seconds[1]


@contextlib.contextmanager
def _fresh_cache() -> Iterator[None]:
    names = {
        "jax_compilation_cache_dir": "",
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, value in (names | {"jax_compilation_cache_dir": folder}).items():
                jax.config.update(name, value)
            compilation_cache.reset_cache()
            yield
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
            compilation_cache.reset_cache()


def measure(
    program: Program, macs: int, matmul: Matmul, copy: Copy, seconds: float, peer: Mapping[str, Call]
) -> dict[str, Any]:
    """A row: times, shares of the product and of the copy, compile times, memory, and a peer's times."""
    given = program.start()
    compiled, cold, warm = compiled_cold_and_warm(program, given)
    calls = {"ours": program.repeat(compiled, given), "matmul": matmul.call, "copy": copy.call}
    times = interleaved({**calls, **peer}, seconds=seconds)
    flops = 2 * macs * program.passes * program.batch
    moved = _cost(compiled).get("bytes accessed", 0.0)
    return row(
        times["ours"],
        Ratio.of(times["ours"], times["matmul"], flops / matmul.flops),
        f"{matmul.dtype} matmul",
        images_per_second=program.batch / times["ours"].median,
        gflops=flops / times["ours"].median / 1e9,
        matmul_gflops=matmul.flops / times["matmul"].median / 1e9,
        copy_gb_per_second=copy.bytes / times["copy"].median / 1e9,
        of_copy=Ratio.of(times["ours"], times["copy"], moved / copy.bytes).median,
        compile_seconds_cold=cold,
        compile_seconds_warm=warm,
        memory_mb=planned_memory(compiled) / 1e6,
        **({"peer": {form: _against(times["ours"], times[form]) for form in peer}} if peer else {}),
    )


def _against(ours: Timing, theirs: Timing) -> dict[str, Any]:
    ratio = Ratio.of(ours, theirs)
    return {
        "seconds": theirs.median,
        "seconds_quartiles": theirs.quartiles,
        "ours_times_faster": ratio.median,
        "ours_times_faster_quartiles": ratio.quartiles,
    }


def planned_memory(compiled) -> int:
    """Bytes that XLA plans for one call."""
    plan = compiled.memory_analysis()
    kinds = plan.temp_size_in_bytes, plan.argument_size_in_bytes, plan.output_size_in_bytes
    return sum(kinds) - plan.alias_size_in_bytes


def largest_batch(measured: Mapping[int, float], free: float) -> int:
    """The largest batch, of whole eights, for which there is room, from the memory of two smaller ones."""
    if len(measured) < 2:
        raise UserError("`fits` goes on from two batches before it; write --batches 1,8,fits")
    (small, less), (large, more) = sorted(measured.items())[-2:]
    each = (more - less) / (large - small)
    return max(large, int((LARGEST_SHARE * free - less) / each + small) // 8 * 8)


def free_memory() -> float:
    """Bytes that this process can still have on its device."""
    if stats := jax.devices()[0].memory_stats():
        return stats["bytes_limit"] - stats["bytes_in_use"]
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def _cost(compiled) -> dict[str, float]:
    """XLA's own estimate, where the back end has one."""
    found = compiled.cost_analysis()
    return (found[0] if isinstance(found, list) else found) or {}


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--variants",
        default="smlnet,smlnet_s,smlnet_l,smlnet_lite,smlnet_full,smlnet_full_s",
        help="of SMLNet; or other networks, such as sfmnet",
    )
    parser.add_argument("--batches", default="1,8,64", help="of the forward pass; empty: none; see `fits`")
    parser.add_argument("--train-batches", default="8", help="of the training step; empty: none")
    parser.add_argument("--size", type=int, default=128, help="side of the images")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--peer", metavar="FILE.py:EXPRESSION", help="a PyTorch module to time beside ours")
    parser.add_argument("--peer-side", type=int, help="side of the images that it takes; default: --size")
    parser.add_argument("--peer-forms", default="eager,compile", help=f"of {', '.join(FORMS)}")
    args = parser.parse_args(argv)
    changes = {"dtype": args.dtype}
    if args.quick:
        args.variants, args.batches, args.train_batches, args.size, args.seconds = (
            "smlnet_test",
            "1",
            "1",
            16,
            0,
        )
        changes["branches"] = "spatial"  # the branch that compiles in a second

    peer = Peer(args.peer, args.peer_side or args.size, args.peer_forms.split(",")) if args.peer else None
    small = jax.devices()[0].platform == "cpu"
    matmul = Matmul(128 if args.quick else 2048 if small else 8192, args.dtype)
    copy = Copy(1 if args.quick else 256 if small else 2048)
    rows = {}
    for name in args.variants.split(","):
        model = create(dataclasses.replace(model_config(name), **changes))
        macs = model.macs(args.size, args.size)
        print(f"{name}: {model.param_count() / 1e6:.2f} M parameters, {macs / 1e9:.2f} GMACs an image")
        for make, batches in ((forward, args.batches), (training, args.train_batches)):
            memory: dict[int, float] = {}
            for text in filter(None, batches.split(",")):
                batch = largest_batch(memory, free_memory()) if text == "fits" else int(text)
                program = make(model, batch, args.size)
                theirs = getattr(peer, make.__name__)(batch) if peer else {}
                found = measure(program, macs, matmul, copy, args.seconds, theirs)
                memory[batch] = 1e6 * found["memory_mb"]
                rows[f"{name}, {program.name}"] = found
                print(_line(program, found), flush=True)
    write(args.json, "model", rows, size=args.size, dtype=args.dtype, **({"peer": args.peer} if peer else {}))
    return 0


def _line(program: Program, found: dict[str, Any]) -> str:
    low, high = (1000 * s / program.batch for s in found["seconds_quartiles"])
    line = (
        f"  {program.name:24} {1000 * found['seconds'] / program.batch:7.1f} ms an image "
        f"({low:.1f} to {high:.1f})  "
        f"{found['gflops']:6.0f} GFLOP/s, {found['ratio']:.0%} of a product's {found['matmul_gflops']:.0f}, "
        f"memory at {found['of_copy']:.0%} of a copy's {found['copy_gb_per_second']:.0f} GB/s; "
        f"compiled in {found['compile_seconds_cold']:.1f} s ({found['compile_seconds_warm']:.1f} warm), "
        f"{found['memory_mb']:.0f} MB"
    )
    for form, theirs in found.get("peer", {}).items():
        low, high = theirs["ours_times_faster_quartiles"]
        line += (
            f"\n    the peer, {form:13} {1000 * theirs['seconds'] / program.batch:7.1f} ms an image; "
            f"ours is {theirs['ours_times_faster']:.2f} times as fast ({low:.2f} to {high:.2f})"
        )
    return line


if __name__ == "__main__":
    sys.exit(main())

"""Each variant forward and in training, against a matrix product and a copy of the same run.

    python -m benchmarks.model --json figures.json
    python -m benchmarks.model --variants smlnet_lite --batches 1,8,fits --dtype bfloat16
    python -m benchmarks.model --peer 'net.py:SPARNet()'    # a PyTorch module, timed in the same rounds

Prints milliseconds an image, GFLOP/s, what share of the product's GFLOP/s that is, and what share of the
copy's bandwidth XLA's estimate of the traffic is (above 100 % where caches serve it). Compile times are with
an empty persistent cache (cold) and with a filled one (warm); memory is what XLA plans for one call:
arguments, results and temporaries, and, where the device counts, the most that this process has held so far,
yardsticks and all. `fits` stands for the largest batch that the plan has room for. Of a training step also
what its donated state spares, and that nothing is compiled after its first call: exit code 1 if something is.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.compilation_cache import compilation_cache

from benchmarks.arguments import (
    FITS,
    SCALE,
    add_network_flags,
    arguments,
    batches,
    check_sides,
    count,
    names,
    network,
    output_folder,
)
from benchmarks.peer import FORMS, Peer
from benchmarks.timing import Call, Copy, Matmul, Ratio, Timing, compilations, interleaved, row, write
from smlnet_jax.allocation import keep_freed_memory
from smlnet_jax.config import Config
from smlnet_jax.errors import UserError, one_line_errors
from smlnet_jax.models import Model, NetworkConfig, create
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.sharding import data_mesh
from smlnet_jax.training.state import abstract_state, born_sharded
from smlnet_jax.training.step import Images, jit_step

FORWARD, TRAINING = "forward", "training step"
TRAINING_MACS = 3  # of a forward pass: the backward pass computes two products for each
LARGEST_SHARE = 0.8  # of the free memory, for the batch that fits
PROFILED = 3  # calls that --profile looks at


class Program(NamedTuple):
    """Something to compile and time: `start` makes its arguments, `repeat` a call that can be made again."""

    kind: str
    batch: int
    passes: int  # in units of a forward pass
    jitted: Any
    start: Callable[[], tuple[Any, ...]]
    repeat: Callable[[tuple[Any, ...]], Call]

    @property
    def name(self) -> str:
        return _name(self.kind, self.batch)


def _name(kind: str, batch: int | str) -> str:
    return f"{kind}, batch {batch}"


def forward(model: Model, batch: int, size: int) -> Program:
    """`model.apply`, of images that lie on the device."""

    def start():
        params = jax.jit(model.init)(jax.random.key(0))
        return params, jax.random.uniform(jax.random.key(1), (batch, size, size, 3))

    def repeat(given):
        return lambda: jitted(*given)

    jitted = jax.jit(lambda params, x: model.apply(params, x).sr)
    return Program(FORWARD, batch, 1, jitted, start, repeat)


def training(model: Model, batch: int, size: int) -> Program:
    """The step of training itself: LR enlarged, loss, gradient, Adam, average; its state is donated."""
    config = Config(model=model.config)
    tx = transformation(config.optim)
    abstract = abstract_state(model, tx, data_mesh(jax.devices()[:1]), fsdp=False)

    def start():
        key = jax.random.key(1)
        lr = jax.random.randint(key, (batch, size // SCALE, size // SCALE, 3), 0, 256, jnp.uint8)
        hr = jax.random.randint(key, (batch, size, size, 3), 0, 256, jnp.uint8)
        return born_sharded(0, model, tx, abstract), Images(hr, lr)

    def repeat(given):
        state, images = given

        def call():
            nonlocal state
            state, metrics = jitted(state, images)
            return metrics

        return call

    jitted = jit_step(model, tx, config, abstract)
    return Program(TRAINING, batch, TRAINING_MACS, jitted, start, repeat)


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
    program: Program,
    macs: int,
    matmul: Matmul,
    copy: Copy,
    seconds: float,
    peer: Mapping[str, Call],
    profile: Path | None = None,
) -> dict[str, Any]:
    """A row: times, shares of the product and of the copy, compile times, memory, and a peer's times.

    A trace of a few calls goes to the folder `profile`.
    """
    given = program.start()
    compiled, cold, warm = compiled_cold_and_warm(program, given)
    calls = {"ours": program.repeat(given), "matmul": matmul.call, "copy": copy.call, **peer}
    for call in calls.values():  # what any call after this one compiles, it compiles again
        jax.block_until_ready(call())
    with compilations() as again:
        times = interleaved(calls, seconds=seconds)
    if profile:
        with jax.profiler.trace(str(profile)):
            for _ in range(PROFILED):
                jax.block_until_ready(calls["ours"]())
    moved = _cost(compiled).get("bytes accessed", 0.0)
    flops = 2 * macs * program.passes * program.batch
    return {
        **speed(times["ours"], times["matmul"], matmul, images=program.batch, flops=flops),
        "copy_gb_per_second": copy.bytes / times["copy"].median / 1e9,
        "of_copy": Ratio.of(times["ours"], times["copy"], moved / copy.bytes).median,
        "compile_seconds_cold": cold,
        "compile_seconds_warm": warm,
        "compiled_again": len(again),
        "memory_mb": planned_memory(compiled) / 1e6,
        "donated_mb": compiled.memory_analysis().alias_size_in_bytes / 1e6,
        **_peak_memory(),
        **({"peer": {form: _against(times["ours"], times[form]) for form in peer}} if peer else {}),
    }


def speed(ours: Timing, product: Timing, matmul: Matmul, *, images: int, flops: float) -> dict[str, Any]:
    """The part of a row that says how fast. `ratio` is what benchmarks.compare guards: images a second, for
    GFLOP/s stay as they are when a network does more for no more.
    """
    busy = Ratio.of(ours, product, flops / matmul.flops)
    low, high = ours.quartiles
    return row(
        ours,
        Ratio.of(ours, product, 1e12 * images / matmul.flops),
        matmul.unit,
        images_per_second=images / ours.median,
        gflops=flops / ours.median / 1e9,
        gflops_quartiles=(flops / high / 1e9, flops / low / 1e9),
        of_matmul=busy.median,
        of_matmul_quartiles=busy.quartiles,
        matmul_gflops=matmul.flops / product.median / 1e9,
    )


def _peak_memory() -> dict[str, float]:
    stats = jax.devices()[0].memory_stats() or {}
    return {"peak_memory_mb": stats["peak_bytes_in_use"] / 1e6} if "peak_bytes_in_use" in stats else {}


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
    (small, less), (large, more) = sorted(measured.items())[-2:]
    each = (more - less) / (large - small)
    if each <= 0:  # XLA plans in steps, and two small batches may lie on one
        return large
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


def parser() -> argparse.ArgumentParser:
    found = arguments(__doc__)
    found.add_argument(
        "--variants",
        type=names,
        default="smlnet,smlnet_s,smlnet_l,smlnet_lite,smlnet_full,smlnet_full_s",
        help="of SMLNet (others are smlnet_full_t and smlnet_full_wide), or other networks, such as sfmnet",
    )
    found.add_argument(
        "--batches", type=batches, default="1,8,64", help="of the forward pass; empty: none; see `fits`"
    )
    found.add_argument(
        "--train-batches", type=batches, default="8", help="of the training step; empty: none; see `fits`"
    )
    found.add_argument("--size", type=count, default=128, help="side of the images")
    add_network_flags(found)
    found.add_argument(
        "--profile", type=output_folder, metavar="FOLDER", help="a trace of a few calls of each goes here"
    )
    found.add_argument("--peer", metavar="FILE.py:EXPRESSION", help="a PyTorch module to time beside ours")
    found.add_argument("--peer-side", type=count, help="side of the images that it takes; default: --size")
    found.add_argument("--peer-forms", type=names, default="eager,compile", help=f"of {', '.join(FORMS)}")
    return found


class Planned(NamedTuple):
    """One row, before it is measured."""

    config: NetworkConfig
    kind: str
    batch: int | str  # or `fits`

    @property
    def name(self) -> str:
        return f"{self.config.name}, {_name(self.kind, self.batch)}"


def plan(args: argparse.Namespace) -> list[Planned]:
    """What the flags ask for, in order. Raises `UserError` for what a network cannot do."""
    networks = [network(name, args) for name in args.variants]
    if args.quick:
        networks, args.batches, args.train_batches, args.size, args.seconds = networks[:1], [1], [1], 16, 0
    for config in networks:
        check_sides(config, [args.size], "--size")
    shapes = [(FORWARD, batch) for batch in args.batches] + [
        (TRAINING, batch) for batch in args.train_batches
    ]
    if not shapes:
        raise UserError("--batches and --train-batches are both empty: there is nothing to time")
    return [Planned(config, *shape) for config in networks for shape in shapes]


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    planned = plan(args)
    peer = Peer(args.peer, args.peer_side or args.size, args.peer_forms) if args.peer else None
    small = jax.devices()[0].platform == "cpu"
    matmul = Matmul(128 if args.quick else 2048 if small else 8192, args.dtype)
    copy = Copy(1 if args.quick else 256 if small else 2048)
    rows: dict[str, dict[str, Any]] = {}
    try:
        for config, group in itertools.groupby(planned, lambda one: one.config):
            model = create(config)
            macs, parameters = model.macs(args.size, args.size), model.param_count()
            print(f"{config.name}: {parameters / 1e6:.2f} M parameters, {macs / 1e9:.2f} GMACs an image")
            memory: dict[str, dict[int, float]] = {FORWARD: {}, TRAINING: {}}  # bytes by batch
            for one in group:
                sizes = memory[one.kind]
                batch = largest_batch(sizes, free_memory()) if one.batch == FITS else int(one.batch)
                one = one._replace(batch=batch)
                program = (forward if one.kind == FORWARD else training)(model, batch, args.size)
                theirs = (peer.forward if one.kind == FORWARD else peer.training)(batch) if peer else {}
                profile = args.profile and args.profile / one.name.replace(", ", "-").replace(" ", "-")
                found = measure(program, macs, matmul, copy, args.seconds, theirs, profile)
                sizes[batch] = 1e6 * found["memory_mb"]
                rows[one.name] = found
                print(_line(program, found), flush=True)
    finally:  # what was measured is kept, also where memory runs out after it
        if rows:
            write(
                args.json,
                "model",
                rows,
                size=args.size,
                dtype=args.dtype,
                fft_impl=args.fft_impl,
                **({"peer": args.peer} if peer else {}),
            )
    if again := [name for name, found in rows.items() if found["compiled_again"]]:
        print(f"COMPILED AGAIN while it was timed: {'; '.join(again)}", file=sys.stderr)
    return 1 if again else 0


def _line(program: Program, found: dict[str, Any]) -> str:
    low, high = (1000 * s / program.batch for s in found["seconds_quartiles"])
    slowest, fastest = found["gflops_quartiles"]
    line = (
        f"  {program.name:24} {1000 * found['seconds'] / program.batch:7.1f} ms an image "
        f"({low:.1f} to {high:.1f})  "
        f"{found['gflops']:6.0f} GFLOP/s ({slowest:.0f} to {fastest:.0f}), "
        f"{found['of_matmul']:.0%} of a product's {found['matmul_gflops']:.0f}, "
        f"memory at {found['of_copy']:.0%} of a copy's {found['copy_gb_per_second']:.0f} GB/s; "
        f"compiled in {found['compile_seconds_cold']:.1f} s ({found['compile_seconds_warm']:.1f} warm), "
        f"{found['memory_mb']:.0f} MB"
    )
    if program.kind == TRAINING:
        line += (
            f" ({found['donated_mb']:.0f} spared by donation), compiled again {found['compiled_again']} times"
        )
    if "peak_memory_mb" in found:
        line += f"; most held so far {found['peak_memory_mb']:.0f} MB"
    for form, theirs in found.get("peer", {}).items():
        low, high = theirs["ours_times_faster_quartiles"]
        line += (
            f"\n    the peer, {form:13} {1000 * theirs['seconds'] / program.batch:7.1f} ms an image; "
            f"ours is {theirs['ours_times_faster']:.2f} times as fast ({low:.2f} to {high:.2f})"
        )
    return line


if __name__ == "__main__":
    keep_freed_memory()  # as train.py does
    sys.exit(main())

"""The training run, from nothing or from where it stopped, to its last step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import jax

from smlnet_jax.config import Config
from smlnet_jax.data.pipeline import training_batches
from smlnet_jax.data.sources import open_source
from smlnet_jax.errors import UserError
from smlnet_jax.models import Params, create
from smlnet_jax.training import distributed
from smlnet_jax.training.checkpoint import Checkpoints
from smlnet_jax.training.lock import alone_in
from smlnet_jax.training.metrics_log import open_log
from smlnet_jax.training.optimizer import transformation
from smlnet_jax.training.post_mortem import diverged
from smlnet_jax.training.progress import Progress
from smlnet_jax.training.report import Report
from smlnet_jax.training.resume import check_same_run, write_config
from smlnet_jax.training.sharding import check_batch, data_mesh, place_batch
from smlnet_jax.training.signals import StopSignals
from smlnet_jax.training.state import abstract_state, born_sharded, started_from
from smlnet_jax.training.step import Images, jit_step
from smlnet_jax.training.validation import BEST, scores_in_words, validate
from smlnet_jax.training.warm_start import fitting_params, pretrained_params


def train(config: Config, workdir: Path, devices: Sequence[jax.Device] | None = None) -> int:
    """Trains `config.model` in `workdir`, going on from its latest checkpoint if there is one.

    Writes config.json, metrics.jsonl, checkpoints/ and samples/ into `workdir`. `devices` are those of the
    mesh, None = all of all processes. SIGTERM and Ctrl-C save and return. Returns the exit code; raises
    `UserError` for data, config or storage that cannot be used, and for a run that no longer gives finite
    numbers.
    """
    distributed.initialize(config.train)
    settings, is_first = config.train, distributed.is_first()
    mesh = data_mesh(devices)
    check_batch(settings, mesh.size)
    validation = open_source(config.data.val, config.data.size) if config.data.val else None
    if validation is not None:
        _ = validation[0]  # a folder of faces that are all too small is told now, not at the first validation
    progress = Progress(settings.steps, settings.batch_size)
    say = progress.say if is_first else lambda sentence: None

    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals())
        stack.enter_context(jax.set_mesh(mesh))
        if is_first:
            stack.enter_context(alone_in(workdir))
        checkpoints = stack.enter_context(Checkpoints(workdir, settings.keep))

        # State: restored onto this run's devices, placed on them, or born there.
        model, tx = create(config.model), transformation(config.optim)
        if not model.param_count():
            raise UserError(f"model.name={config.model.name} has no parameters to train; choose another")
        abstract = abstract_state(model, tx, mesh, fsdp=settings.fsdp)
        start = checkpoints.latest_step() or 0
        if start:
            recorded = checkpoints.config(start)
            check_same_run(recorded, config, workdir)
            renamed = {"train": "this is another experiment", "val": "the best checkpoint means nothing"}
            for data, means in renamed.items():
                before, now = recorded["data"][data], getattr(config.data, data)
                if before and now and before != now:
                    say(f"data.{data} was {before}; if its faces are others, too, {means}")
            state = checkpoints.restore(start, abstract)
            say(f"going on from step {start:,} in {workdir}")
        elif settings.init and settings.init_part:
            fresh = born_sharded(settings.seed, model, tx, abstract).params
            params, sentence = fitting_params(settings.init, model, fresh)
            state = started_from(model.tie(params), tx, abstract)
            say(sentence)
        elif settings.init:
            state = started_from(pretrained_params(settings.init, model), tx, abstract)
            say(f"starting from the weights of {settings.init}")
        else:
            state = born_sharded(settings.seed, model, tx, abstract)

        def validates(step: int) -> bool:
            return validation is not None and (step % settings.val_every == 0 or step == settings.steps)

        # Stopped or killed while it was validated, it is validated now.
        unscored = start > 0 and validates(start) and not checkpoints.is_scored(start)
        if start >= settings.steps and not unscored:
            say(f"nothing to do: {workdir} is at step {start:,}; raise --config.train.steps to go on")
            return 0

        # Data: batch n is the same whoever reads it, and however often the run was stopped.
        batches = training_batches(
            config.data,
            batch_size=settings.batch_size,
            seed=settings.seed,
            start_step=checkpoints.next_batch(start) if start else 0,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )

        # Records.
        if is_first:
            write_config(config, workdir)
        log = open_log(workdir, config, start, unscored=unscored, is_first=is_first)
        stack.callback(log.close)
        report = Report(settings, log, progress, shows=is_first)

        def score(step: int, ema: Params) -> None:
            assert validation is not None  # or there is no step to validate
            picture = workdir / "samples" / f"step_{step:07d}.png" if is_first else None
            scores = validate(model, ema, validation, config, picture)
            log.write(step, scores)
            say(scores_in_words(step, scores))
            checkpoints.score(step, scores[BEST])

        if unscored:
            score(start, state.ema)
        update = jit_step(model, tx, config, abstract)
        for step in range(start + 1, settings.steps + 1):
            batch = next(batches)
            images = Images(place_batch(batch.hr, mesh), place_batch(batch.lr, mesh))
            with jax.transfer_guard("disallow"):
                state, metrics = update(state, images)
            report.dispatched(step, metrics, batch)

            is_last = step == settings.steps
            stops = stop.reached(step)
            saves = validates(step) or stops or is_last or step % settings.save_every == 0
            if saves:
                report.collect()  # a row is in the log before the checkpoint that the run would go on from
            if report.diverged:
                raise diverged(model, state.params, *report.diverged, saved=checkpoints.latest_step())
            if not saves:
                continue

            with progress.paused():
                checkpoints.save(step, state, config)  # first: validation may take minutes, or fail
                if validates(step) and (is_last or not stops):
                    score(step, state.ema)
            if stops and not is_last:
                checkpoints.wait()
                say(f"stopped at step {step:,} and saved; the same command goes on from there")
                return 0

        checkpoints.wait()
        done, best = f"done: step {max(start, settings.steps):,}", checkpoints.best_step()
        if best is not None and checkpoints.val_psnr(best) is not None:
            done += f"; the best checkpoint is that of step {best:,}"
        say(f"{done}, in {workdir}")
        return 0

"""Does a campaign's jobs one after the other, each in a process of its own, and writes the report after each.

A process of its own, because a member may run out of memory, crash, or leave a device in a bad state; and
because this one must not touch the device: it would take memory that the members need.
"""

from __future__ import annotations

import dataclasses
import fcntl
import math
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smlnet_jax.campaign import record, report
from smlnet_jax.campaign.files import STOPPED, read_json, run_folder
from smlnet_jax.campaign.plan import Plan, Run
from smlnet_jax.campaign.results import status
from smlnet_jax.config import Config, to_dict
from smlnet_jax.errors import UserError
from smlnet_jax.files import write_json
from smlnet_jax.training.signals import say_in_handler

WORKER = (sys.executable, "-m", "smlnet_jax.campaign.worker")


class Runner:
    """A campaign in its workdir. `worker` is the command that does a job, given its name and its folder."""

    def __init__(self, plan: Plan, workdir: Path, worker: Sequence[str] = WORKER):
        self._plan, self._workdir, self._worker = plan, workdir, worker
        self._child: subprocess.Popen | None = None
        self._stopping = ""  # the signal that asked for it
        self._lock: Any = None

    def run(self, chosen: Collection[str] = (), *, timed: bool = False) -> int:
        """Does what is not done yet of the `chosen` members, () = all. Returns the exit code.

        With `timed`, the forward passes of all members that have a run are timed at the end, anew each time.
        0: all of it is done, or a signal stopped it; 1: a run failed or diverged, and the others went on.
        """
        with self._alone(), self._listening():
            record.start(self._plan, self._workdir)
            runs = list(self._plan.runs(chosen))
            self._score_bicubic()
            for number, run in enumerate(runs, 1):
                if self._stopping:
                    break
                self._say(f"[{number}/{len(runs)}] {run}", self._do(run))
                report.write(self._plan, self._workdir)
            if timed and not self._stopping:  # or what was timed before would be gone
                self._time()
            report.write(self._plan, self._workdir)
            return self._end(runs)

    def report(self, *, timed: bool = False) -> int:
        """Writes the report of what is there; with `timed` it times the members first."""
        if not (self._workdir / record.FILE).is_file():
            raise UserError(f"{self._workdir} holds no campaign yet; start one there without --report")
        record.check_same(read_json(self._workdir / record.FILE), self._plan, self._workdir)
        if timed:
            with self._alone(), self._listening():
                self._time()
        report.write(self._plan, self._workdir)
        print(f"written: {self._workdir / 'report.html'}")
        return 0

    def _score_bicubic(self) -> None:
        folder = self._workdir / "bicubic"
        outcome = self._job("bicubic", folder, to_dict(self._plan.config))
        if outcome["status"] == "failed":
            raise UserError(f"bicubic could not be scored, so nothing was trained: {outcome['reason']}")

    def _time(self) -> None:
        """Times the networks of which a run is done."""
        done = [run for run in self._plan.runs() if status(self._workdir, run) == "done"]
        networks = {run.member.name: to_dict(run.config.model) for run in done}
        folder = self._workdir / "speed"
        (folder / "outcome.json").unlink(missing_ok=True)
        if networks:
            about = {"networks": networks, "size": self._plan.config.data.size}
            self._say("speed of the forward passes", self._job("speed", folder, about))

    def _do(self, run: Run) -> dict[str, Any]:
        """Trains and scores, and returns the outcome."""
        folder, config = run_folder(self._workdir, run), run.config
        if self._plan.budget == "seconds":
            steps = self._steps(run)
            if isinstance(steps, dict):  # why there are none
                if steps["status"] != "stopped":
                    write_json(folder / "outcome.json", steps)
                return steps
            config = budgeted(config, steps)
        return self._job("train", folder, to_dict(config))

    def _steps(self, run: Run) -> int | dict[str, Any]:
        """What a member can train in the time that everyone has, or the outcome of what went wrong."""
        reference = next(self._plan.runs([self._plan.reference]))
        pace = self._pace(reference if not self._plan.seconds else run)
        seconds = self._plan.seconds
        if pace["status"] == "done" and not seconds:
            train = self._plan.config.train
            seconds = train.steps * train.batch_size / pace["images_per_second"]
            pace = self._pace(run)
        if pace["status"] != "done":
            return pace
        return max(1, round(seconds * pace["images_per_second"] / run.config.train.batch_size))

    def _pace(self, run: Run) -> dict[str, Any]:
        """How fast a member trains; measured once, whatever its seeds."""
        config = run.config
        short = dataclasses.replace(config.train, steps=self._plan.pace_steps, seed=0)
        folder = self._workdir / "members" / run.member.name / "pace"
        outcome = self._job("pace", folder, to_dict(dataclasses.replace(config, train=short)))
        if outcome["status"] in ("failed", "diverged"):
            reason = f"the speed of {run.member.name} could not be measured: {outcome['reason']}"
            return {"status": "failed", "reason": reason}
        return outcome

    def _job(self, job: str, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
        """Does a job, unless its folder says that it is done; its outcome, or {"status": "stopped"}."""
        path = folder / "outcome.json"
        if path.is_file() and (outcome := read_json(path))["status"] in ("done", "diverged"):
            return outcome  # what diverged would do so again, to the bit
        if self._stopping:
            return {"status": "stopped"}
        path.unlink(missing_ok=True)
        write_json(folder / "job.json", about)
        code = self._call(job, folder)
        if path.is_file():
            return read_json(path)
        if self._stopping or code == STOPPED:
            return {"status": "stopped"}
        outcome = {"status": "failed", "reason": _why(code, folder / "log.txt")}
        write_json(path, outcome)
        return outcome

    def _call(self, job: str, folder: Path) -> int:
        """Exit code of a job's process, whose every word goes to its log."""
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            self._child = subprocess.Popen(
                [*self._worker, job, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches it through us, once
                pass_fds=[self._lock.fileno()],  # if we are killed, it keeps others out until it is done
            )
            try:
                return self._child.wait()
            finally:
                self._child = None

    def _say(self, what: str, outcome: dict[str, Any]) -> None:
        print(f"{what}: {outcome['status']}{': ' if 'reason' in outcome else ''}{outcome.get('reason', '')}")
        sys.stdout.flush()

    def _end(self, runs: Sequence[Run]) -> int:
        states = [status(self._workdir, run) for run in runs]
        done, bad = states.count("done"), sum(state in ("failed", "diverged") for state in states)
        where = f"the report is in {self._workdir / 'report.html'}"
        if self._stopping:
            print(f"stopped: {done} of {len(runs)} runs are done; the same command goes on; {where}")
            return 0
        print(f"{done} of {len(runs)} runs are done{f', {bad} failed' if bad else ''}; {where}")
        return 1 if bad else 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two campaigns in one workdir would train the same run twice, into one folder."""
        path = self._workdir / "lock"
        try:
            self._workdir.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
        except OSError as error:
            raise UserError(f"cannot write {path} ({error.strerror}); give another --workdir") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"a campaign is running in {self._workdir}, or its last run is still being saved; wait "
                    "for it, or give another --workdir"
                ) from error
            self._lock = lock
            yield

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C are passed on to the run, which saves; once more ends it at once."""

        def stop(number: int, _: Any) -> None:
            again, self._stopping = bool(self._stopping), signal.Signals(number).name
            if self._child is not None:
                self._child.send_signal(signal.SIGKILL if again else signal.SIGTERM)
            if not again:
                say_in_handler(f"{self._stopping}: the run is being saved; once more ends it at once")

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def budgeted(config: Config, steps: int) -> Config:
    """`config` for another number of steps, validated and logged no more often than it would have been."""
    train, share = config.train, steps / config.train.steps
    every = {
        name: math.ceil(getattr(train, name) * share) for name in ("val_every", "log_every", "save_every")
    }
    return dataclasses.replace(config, train=dataclasses.replace(train, steps=steps, **every))


def _why(code: int, log: Path) -> str:
    """Why a process ended without a word of its own."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{memory}; see {log}"
    said = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    last = next((line for line in reversed(said) if line), "it said nothing")
    return f"the process ended with code {code} ({last[:300]}); see {log}"

"""A worker that trains nothing: `stand_in.py JOB FOLDER` leaves what the real one would, at once.

The learning rate says what becomes of a run: 1 diverges, 2 is killed, 3 breaks with a traceback, 4 waits for
a signal, 5 breaks in its first attempt only.
"""

import json
import os
import signal
import sys
import time
import zlib
from pathlib import Path

import numpy as np

IMAGES = 12


def write(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*rows, ""]))


def main(job: str, folder: Path) -> int:
    config = json.loads((folder / "job.json").read_text())
    if job == "speed":
        times = {name: {"median": 7.25, "low": 7.0, "high": 7.5} for name in config["networks"]}
        found = {"status": "done", "device": "stand-in", "batch": 8, "rounds": 3, "milliseconds": times}
        (folder / "outcome.json").write_text(json.dumps(found))
        return 0
    train, kind = config["train"], config["optim"]["lr"] if job == "train" else 0
    attempts = len(list(folder.glob("attempt*")))
    (folder / f"attempt{attempts}").touch()
    outcome = {"status": "done"}
    if job == "pace":
        outcome |= {
            "images_per_second": float(config["model"]["spat_widths"][0]),
            "steps": train["steps"] - 1,
        }
    if kind == 1:
        outcome = {"status": "diverged", "reason": "loss or gradient was not finite | in 10 updates"}
    if kind == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 3 or (kind == 5 and not attempts):
        raise OSError("no space left")
    if kind == 4 and not attempts:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        (folder / "waits").touch()
        time.sleep(30)
    if job == "train" and outcome["status"] == "done":
        outcome |= {"best_step": train["steps"], "val_psnr": 25.0, "parameters": 1_000_000, "macs": 2_000_000}
        outcome |= {"device": "stand-in", "devices": 1, "revision": "abc"}
        rows = []
        for step in range(1, train["steps"] + 1):
            rows.append(
                {"step": step, "images_per_second": 8.0 if step > 1 else None, "seconds": 90.0 * step}
            )
            rows.append({"step": step, "val/psnr_sparnet": 20.0 + step / 10 + kind})
        write(folder / "metrics.jsonl", [json.dumps(row) for row in rows])
    if job != "pace":
        draws = np.random.default_rng(zlib.crc32(f"{folder.parent.name}{train['seed']}".encode()))
        gain = 100 * kind + draws.normal(0, 0.02, IMAGES) if job == "train" else np.full(IMAGES, -2.0)
        for item in config["eval"]["data"].split(","):
            lines = [
                f"{i:03d}.png," + ",".join([f"{25 + i + gain[i]:.4f},{0.7 + gain[i] / 100:.6f}"] * 4)
                for i in range(IMAGES)
            ]
            head = ",".join(
                f"{p}_{m}" for p in ("sfmnet", "sparnet", "basicsr", "rgb") for m in ("psnr", "ssim")
            )
            if config["eval"]["identity"]:
                head += ",identity_cosine,identity_bicubic_cosine"
                lines = [f"{line},{0.4 + gain[i] / 10:.6f},0.2" for i, line in enumerate(lines)]
            write(folder / "eval" / f"{item.partition('=')[0]}.csv", [f"name,{head}", *lines])
    (folder / "outcome.json").write_text(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))

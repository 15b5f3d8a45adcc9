"""The command line of train.py and eval.py: overrides, and one sentence for each mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPO = Path(__file__).resolve().parents[1]
RECIPE = "--config=configs/smlnet_test.py"

# Flags can be defined once a process: each command line gets a child of one that has done the imports.
DRIVER = """
import json, os, sys
from smlnet_jax import recipe_flags

def job(config, workdir):
    print(json.dumps([str(workdir), config.train.steps, config.model.name, config.data.zoom]))
    if config.train.seed == 2:
        raise KeyboardInterrupt
    return config.train.seed

for line in json.loads(sys.argv[1]):
    if os.fork() == 0:
        sys.argv[1:] = line
        os.dup2(1, 2)
        recipe_flags.run(job, workdir_help="Folder.")
    print("exit", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""

GOOD = {
    "overrides": "--config.train.steps=7 --config.model.name=smlnet_s --config.data.zoom=(1,1.2)",
    "code of the job": "--config.train.seed=3",
    "stopped": "--config.train.seed=2",
}
BAD = {
    "--config.trian.steps=3": "config.trian is unknown; did you mean train?",
    "--config.train.stesp=3": "config.train.stesp is unknown; did you mean steps?",
    "--config.model.nam=x": "config.model.nam is unknown; did you mean name?",
    "--config.model.name=smlnet_ss": "model.name='smlnet_ss' is unknown; did you mean smlnet_s?",
    "--config.data.zoom[1]=1.1": "config.data.zoom[1] is unknown; did you mean zoom?",
    "--config.train.steps=abc": "flag --config.train.steps=abc: invalid literal for int()",
    "--config.data.size=100": "data.scale=8 does not divide data.size=100; pick a size that it does",
    "--workdir=": "--workdir is empty; give a folder",
    "--wrokdir=W": "Unknown command line flag 'wrokdir'. Did you mean: workdir ?",
    "--config=configs/smlnet_x9.py": "--config=configs/smlnet_x9.py is not there; give a recipe",
    "--config=configs/smlnet_x9.py --config.train.steps=3": "--config=configs/smlnet_x9.py is not there",
    "--config=configs": "--config=configs is a folder; give a recipe",
    "--config nowhere.py": "--config=nowhere.py is not there; give a recipe",
    "--config=README.md": "--config=README.md is no recipe: line ",
    "--config=configs/base.py:x": "get_config() takes 0 positional arguments but 1 was given",
    "steps=3": "'steps=3' is not a flag; write --config.SECTION.KEY=VALUE",
}


class Answer(NamedTuple):
    code: int
    said: str


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    lines = {name: [RECIPE, "--workdir=W", *line.split()] for name, line in GOOD.items()}
    lines |= {line: [RECIPE, "--workdir=W", *line.split()] for line in BAD}
    lines |= {"no workdir": [RECIPE], "no recipe": ["--workdir=W"]}
    out = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(list(lines.values()))],
        cwd=REPO, capture_output=True, text=True, check=True, timeout=300,
    ).stdout  # fmt: skip
    found, said = [], ""
    for line in out.splitlines(keepends=True):
        if line.startswith("exit "):
            found.append(Answer(int(line.split()[1]), said))
            said = ""
        else:
            said += line
    return dict(zip(lines, found, strict=True))


def test_overrides_reach_the_job(answers):
    code, said = answers["overrides"]
    assert (code, json.loads(said)) == (0, ["W", 7, "smlnet_s", [1.0, 1.2]])


def test_exit_code_is_that_of_the_job(answers):
    assert answers["code of the job"].code == 3


def test_ctrl_c_is_no_traceback(answers):
    code, said = answers["stopped"]
    assert code == 130 and said.count("\n") == 1  # what the job printed


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        *BAD.items(),
        ("no workdir", "--workdir=None: Flag --workdir must have"),
        ("no recipe", "--config=None"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(answers, line, sentence):
    code, said = answers[line]
    assert code == 2, said
    assert said.startswith("error: ") and said.count("\n") == 1, said
    assert sentence in said

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
    "--config.train.steps=abc": "config.train.steps='abc' must be a whole number",
    "--config.train.steps=3.5": "config.train.steps='3.5' must be a whole number",
    "--config.optim.lr=fast": "config.optim.lr='fast' must be a number",
    "--config.data.hflip=maybe": "config.data.hflip='maybe' must be True or False",
    "--config.data.size=100": "data.scale=8 does not divide data.size=100; pick a size that it does",
    "--workdir=": "--workdir is empty; give a folder",
    "--wrokdir=W": "Unknown command line flag 'wrokdir'. Did you mean: workdir ?",
    "--config=configs/smlnet_x9.py": "--config=configs/smlnet_x9.py is not there; give a recipe",
    "--config=configs/smlnet_x9.py --config.train.steps=3": "--config=configs/smlnet_x9.py is not there",
    "--config=configs": "--config=configs is a folder; give a recipe",
    "--config nowhere.py": "--config=nowhere.py is not there; give a recipe",
    "--config=README.md": "--config=README.md is no recipe: line ",
    "--config=configs/base.py:x": "get_config() takes 0 positional arguments but 1 was given",
    "--config=configs/campaigns/cpu_x8.py": "this recipe is a campaign, of many runs; start it with",
    "--config=TMP/imports.py": "imports.py fails in line 1 (ModuleNotFoundError: No module named 'nowhere')",
    "--config=TMP/names.py": "names.py fails in line 2 (NameError: name 'undefined' is not defined); mend it",
    "--config=TMP/opens.py": "opens.py fails in line 2 (FileNotFoundError: ",
    "--config=TMP/empty.py": "empty.py is no recipe: it has no get_config(); give a recipe",
    "--config=TMP/number.py": "number.py is no recipe: its get_config() returns no ConfigDict; give a recipe",
    "steps=3": "'steps=3' is not a flag; write --config.SECTION.KEY=VALUE",
}
RECIPES = {  # that fail
    "imports.py": "import nowhere",
    "names.py": "def get_config():\n    return undefined",
    "opens.py": "def get_config():\n    return open('nowhere.json')",
    "empty.py": "",
    "number.py": "def get_config():\n    return 3",
}


class Answer(NamedTuple):
    code: int
    said: str


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, Answer]:
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in RECIPES.items():
        (folder / name).write_text(text)
    lines = {name: [RECIPE, "--workdir=W", *line.split()] for name, line in GOOD.items()}
    for line in BAD:
        recipe = [] if line.startswith(("--config=", "--config ")) else [RECIPE]
        lines[line] = [*recipe, "--workdir=W", *line.replace("TMP", str(folder)).split()]
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
        ("no workdir", "--workdir is missing; give one, as --workdir=runs/first"),
        ("no recipe", "--config is missing; give one, as --config=configs/smlnet_test.py"),
    ],
)
def test_mistake_is_one_sentence_and_exit_code_2(answers, line, sentence):
    code, said = answers[line]
    assert code == 2, said
    assert said.startswith("error: ") and said.count("\n") == 1, said
    assert sentence in said

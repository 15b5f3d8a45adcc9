import argparse
import importlib
import importlib.metadata
import subprocess
import sys
import types

import pytest

import smlnet_jax
from smlnet_jax import cli
from smlnet_jax.errors import UserError


@pytest.fixture
def called(monkeypatch) -> list[argparse.Namespace]:
    """The calls of a command `act` that takes a number, and does what its `todo` says."""
    calls: list[argparse.Namespace] = []
    module = types.ModuleType("act")

    def configure(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("number", type=int)

    def run(args: argparse.Namespace) -> int | None:
        calls.append(args)
        return module.todo()

    module.configure, module.run, module.todo = configure, run, lambda: None
    monkeypatch.setitem(sys.modules, "act", module)
    monkeypatch.setitem(cli.COMMANDS, "act", cli.Command("act", "does it", "train"))
    return calls


def _does(monkeypatch, todo) -> None:
    monkeypatch.setattr(sys.modules["act"], "todo", todo)


def _raises(error: BaseException):
    def todo():
        raise error

    return todo


def test_help_and_version_import_neither_jax_nor_numpy():
    code = (
        "import sys\nfrom smlnet_jax import cli\n"
        "try:\n    cli.main([sys.argv[1]])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'jax', 'numpy', 'flax', 'PIL'} & sys.modules.keys(), sys.modules.keys()"
    )
    for flag in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", code, flag], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("smlnet-jax 0" in done.stdout) if flag == "--version" else ("restore" in done.stdout)


def test_version_is_the_one_of_the_distribution():
    assert importlib.metadata.version("smlnet-jax") == smlnet_jax.__version__


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    importlib.import_module(cli.COMMANDS[name].module)
    with pytest.raises(SystemExit) as end:
        cli.main([*name.split(), "--help"])
    assert end.value.code == 0
    assert f"usage: smlnet {name} " in capsys.readouterr().out


def test_command_gets_its_flags_and_its_exit_code_is_passed_on(called, monkeypatch):
    assert cli.main(["act", "7"]) == 0
    _does(monkeypatch, lambda: 3)
    assert cli.main(["act", "8"]) == 3
    assert [args.number for args in called] == [7, 8]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["rstore", "a.jpg"], "there is no command 'rstore'; did you mean restore?"),
        (["data", "prepar"], "there is no command 'data prepar'; did you mean data prepare?"),
        (["data"], "there is no command 'data'; there are restore, "),
    ],
)
def test_unknown_command_is_met_with_a_suggestion(given, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(given)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_no_command_at_all_prints_the_overview_and_fails(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([])
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert all(name in shown.err for name in cli.COMMANDS)


def test_mistake_of_the_user_is_one_line(called, monkeypatch, capsys):
    _does(monkeypatch, _raises(UserError("nothing here; give another folder")))
    assert cli.main(["act", "1"]) == 2
    assert capsys.readouterr().err == "error: nothing here; give another folder\n"


def test_fault_of_ours_keeps_its_traceback(called, monkeypatch):
    _does(monkeypatch, _raises(KeyError("a bug")))
    with pytest.raises(KeyError):
        cli.main(["act", "1"])


def test_missing_package_is_named_with_the_extra_that_brings_it(called, monkeypatch, capsys):
    _does(monkeypatch, _raises(ModuleNotFoundError("No module named 'grain'", name="grain")))
    assert cli.main(["act", "1"]) == 2
    told = capsys.readouterr().err
    assert "grain" in told
    assert "pip install 'smlnet-jax[train]'" in told


def test_missing_module_of_ours_is_a_fault(called, monkeypatch):
    _does(monkeypatch, _raises(ModuleNotFoundError("No module", name="smlnet_jax.gone")))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["act", "1"])


def test_ctrl_c_ends_without_a_traceback(called, monkeypatch):
    _does(monkeypatch, _raises(KeyboardInterrupt()))
    assert cli.main(["act", "1"]) == cli.STOPPED


@pytest.mark.parametrize("lines", [1, 100_000])  # the one is still in the buffer when the command ends
def test_reader_that_closes_the_pipe_gets_no_traceback(lines):
    code = (
        "import sys, types\nfrom smlnet_jax import cli\nact = types.ModuleType('act')\n"
        f"act.configure = lambda parser: None\nact.run = lambda args: print('line\\n' * {lines})\n"
        "sys.modules['act'] = act\ncli.COMMANDS['act'] = cli.Command('act', '')\n"
        "sys.exit(cli.main(['act']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == ""
    assert program.returncode == 0

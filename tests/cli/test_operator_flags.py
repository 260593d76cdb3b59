"""One spelling for a running operator and one for a class, in every command that takes them."""

from __future__ import annotations

import argparse

import pytest

from visop.cli.main import make_parser
from visop.cli.operator_flags import check_local_flags
from visop.errors import UsageError

_COMMANDS = next(
    action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)
).choices.items()


def _shown(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Flags by their spelling, without those of the version before."""
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return {flag: action for action in actions for flag in action.option_strings}


@pytest.mark.parametrize(("name", "parser"), _COMMANDS)
def test_a_flag_means_one_thing_in_every_command(name: str, parser: argparse.ArgumentParser) -> None:
    flags = _shown(parser)
    meanings = {
        "--operator": ("HOST:PORT", "[NAME=]HOST:PORT"),
        "--class": ("module:Class", "[NAME=]module:Class"),
        "--limit": ("N",),
        "--k": ("N",),
        "--out": ("OUT.npy", "OUT.jsonl", "OUT.safetensors", "FILE.safetensors", "FOLDER"),
    }
    for flag, forms in meanings.items():
        assert flag not in flags or flags[flag].metavar in forms
    assert flags.get("-e") is flags.get("--operator")
    assert not {"--max", "--photos", "--http"} & set(flags)


def test_every_command_that_asks_a_running_operator_takes_it_in_the_same_way() -> None:
    takes = {name for name, parser in _COMMANDS if "--operator" in _shown(parser)}
    assert takes >= {"info", "health", "encode", "index", "search", "reindex", "evaluate"}
    takes = {name for name, parser in _COMMANDS if "--class" in _shown(parser)}
    assert takes >= {"serve", "run", "info", "encode", "index", "search", "duplicates", "reindex", "compare"}


def test_several_running_operators_are_kept_in_order_by_either_spelling() -> None:
    arguments = make_parser().parse_args(["index", "x", "-e", "a:1", "--operator", "b:2"])
    assert arguments.operators == ["a:1", "b:2"]
    assert make_parser().parse_args(["index", "x"]).operators == []


@pytest.mark.parametrize("words", ["info", "health", "encode a --out v.npy", "index a", "search a", "evaluate a"])
@pytest.mark.parametrize("address", ["foo", "foo:", ":50051", "foo:70000", "::1"])
def test_an_address_without_host_or_port_is_refused_at_once(
    words: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        make_parser().parse_args([*words.split(), "-e", address])
    assert exit_.value.code == 2
    assert f"argument -e/--operator: {address}: must be HOST:PORT" in capsys.readouterr().err


def test_flags_of_an_operator_in_this_process_do_not_go_with_a_running_one() -> None:
    arguments = make_parser().parse_args(["index", "x", "--class", "my:Own", "--model", "vgg16"])
    with pytest.raises(UsageError, match=r"^--class, --model: has no effect on the running operator a:1$"):
        check_local_flags(arguments, ["a:1"])
    check_local_flags(arguments, [])

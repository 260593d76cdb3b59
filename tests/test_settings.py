from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.settings import Settings, env_name, flag_name, load_settings


def test_flags_win_over_the_environment_which_wins_over_the_defaults() -> None:
    effective = load_settings({"OP_MODEL": "vgg16", "OP_POOLING": "max"}, {"model": "xception"})
    assert effective.settings.model == "xception"
    assert effective.settings.pooling == "max"
    assert effective.settings.resize == "bilinear"
    assert effective.sources["model"] == "flag"
    assert effective.sources["pooling"] == "environment"
    assert effective.sources["resize"] == "default"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"OP_MODEL": ""}).settings.model == "auto"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_batch", "16", 16),
        ("fetch_timeout_s", "2.5", 2.5),
        ("fetch", "off", False),
        ("fetch_allow", "minio.local, 10.0.0.0/8", ("minio.local", "10.0.0.0/8")),
        ("data_dir", "/srv/weights", Path("/srv/weights")),
        ("device", "gpu", "gpu"),
    ],
)
def test_every_kind_of_value_is_read_from_text(name: str, text: str, value: object) -> None:
    assert getattr(load_settings({env_name(name): text}).settings, name) == value


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("OP_MAX_BATCH", "many", "OP_MAX_BATCH=many: must be a whole number"),
        ("OP_MAX_BATCH", "-1", "OP_MAX_BATCH=-1: must be at least 0"),
        ("OP_MAX_WAIT_S", "soon", "OP_MAX_WAIT_S=soon: must be a number"),
        ("OP_MAX_WAIT_S", "nan", "OP_MAX_WAIT_S=nan: must be at least 0"),
        ("OP_POOLING", "sum", "OP_POOLING=sum: must be one of auto, avg, max, gem, rmac, ramac"),
        ("OP_FETCH", "perhaps", "OP_FETCH=perhaps: must be on or off"),
        ("OP_ENDPOINT", "localhost", "OP_ENDPOINT=localhost: must be HOST:PORT"),
        ("OP_ENDPOINT", "localhost:99999", "OP_ENDPOINT=localhost:99999: must be HOST:PORT"),
        ("OP_FORMATS", ",", "OP_FORMATS=: must name at least one format"),
        ("OP_FETCH_ALLOW", "10.0.0.0/99", "OP_FETCH_ALLOW=10.0.0.0/99: must be a host"),
        ("OP_MAX_ITEMS", "5000", "OP_MAX_ITEMS=5000: must not be above OP_MAX_QUEUE (1024)"),
        ("OP_MAX_CALLS", "4", "OP_MAX_CALLS=4: must not be below"),
        ("OP_MAX_BACTH", "4", "OP_MAX_BACTH: there is no such setting"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_setting_value_and_rule(
    variable: str, text: str, complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({variable: text, "OP_MAX_BATCH": "8"} | {variable: text})
    assert str(caught.value).startswith(complaint)


def test_the_port_is_what_follows_the_last_colon() -> None:
    assert Settings(endpoint="[::1]:51009").port == 51009


def test_every_setting_says_what_it_is_for() -> None:
    assert all(spec.metadata["help"].endswith(".") for spec in dataclasses.fields(Settings))


def test_names_of_flags_and_variables() -> None:
    assert (env_name("max_batch"), flag_name("max_batch")) == ("OP_MAX_BATCH", "--max-batch")

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.settings import Settings, env_name, load_settings


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


@pytest.mark.parametrize("text", ["debug", "DEBUG", "Debug"])
def test_a_choice_is_taken_in_any_case(text: str) -> None:
    assert load_settings({"OP_LOG_LEVEL": text}).settings.log_level == "debug"


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("OP_MAX_BATCH", "many", "OP_MAX_BATCH=many: must be a whole number"),
        ("OP_WHOLE", "on", "OP_WHOLE=on: needs OP_PROCESSOR, before whose parts the whole picture is encoded"),
        ("OP_MAX_BATCH", "-1", "OP_MAX_BATCH=-1: must be at least 0"),
        ("OP_MAX_WAIT_S", "soon", "OP_MAX_WAIT_S=soon: must be a number"),
        ("OP_MAX_WAIT_S", "nan", "OP_MAX_WAIT_S=nan: must be at least 0"),
        ("OP_POOLING", "sum", "OP_POOLING=sum: must be one of auto, avg, max, gem, rmac, ramac, descriptors"),
        ("OP_FETCH", "perhaps", "OP_FETCH=perhaps: must be on or off"),
        ("OP_ENDPOINT", "localhost", "OP_ENDPOINT=localhost: must be HOST:PORT"),
        ("OP_ENDPOINT", "localhost:99999", "OP_ENDPOINT=localhost:99999: must be HOST:PORT"),
        ("OP_FORMATS", ",", "OP_FORMATS=: must name at least one format"),
        ("OP_FETCH_ALLOW", "10.0.0.0/99", "OP_FETCH_ALLOW=10.0.0.0/99: must be a host"),
        ("OP_MAX_ITEMS", "5000", "OP_MAX_ITEMS=5000: must not be above OP_MAX_QUEUE (1024)"),
        ("OP_MAX_CALLS", "4", "OP_MAX_CALLS=4: must not be below"),
        ("OP_ENDPOINT", "host", "OP_ENDPOINT=host: must be HOST:PORT"),
        ("OP_BIND", "0.0.0.0:70000", "OP_BIND=0.0.0.0:70000: must be HOST or HOST:PORT"),
        ("OP_BIND", ":6000", "OP_BIND=:6000: must be HOST or HOST:PORT"),
        ("OP_HTTP_ENDPOINT", ":8080", "OP_HTTP_ENDPOINT=:8080: must be HOST:PORT"),
        ("OP_ENCODER", "10.0.0.8", "OP_ENCODER=10.0.0.8: must be HOST:PORT"),
        ("OP_ENCODER", "10.0.0.8:50051", "OP_ENCODER=10.0.0.8:50051: needs OP_PROCESSOR"),
        ("OP_MAX_BACTH", "4", "OP_MAX_BACTH: there is no such setting; did you mean OP_MAX_BATCH?"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_setting_value_and_rule(
    variable: str, text: str, complaint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({variable: text, "OP_MAX_BATCH": "8"} | {variable: text})
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("OP_MODLE", "OP_MODEL"),
        ("OP_MODELS", "OP_MODEL"),
        ("OP_WEIGTHS", "OP_WEIGHTS"),
        ("OP_BIDN", "OP_BIND"),
        ("OP_MAXBATCH", "OP_MAX_BATCH"),
        ("OP_MAX_BATCHES", "OP_MAX_BATCH"),
        ("OP_Max_Batch", "OP_MAX_BATCH"),
        ("OP_MAX_WAIT", "OP_MAX_WAIT_S"),
        ("OP_HTTP_HOST", "OP_HTTP_HOSTS"),
        ("OP_PRECISSION", "OP_PRECISION"),
        ("OP_FETCH_TIMEOUT", "OP_FETCH_TIMEOUT_S"),
    ],
)
def test_a_name_that_is_nearly_that_of_a_setting_is_refused(variable: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"{variable}: there is no such setting; did you mean {meant}\\?$"):
        load_settings({variable: "x"})


# https://developer.1password.com/docs/cli/environment-variables/
_ONE_PASSWORD = (
    "OP_ACCOUNT OP_BIOMETRIC_UNLOCK_ENABLED OP_CACHE OP_CONFIG_DIR OP_CONNECT_HOST OP_CONNECT_TOKEN OP_DEBUG OP_FORMAT "
    "OP_INCLUDE_ARCHIVE OP_ISO_TIMESTAMPS OP_RUN_NO_MASKING OP_SESSION OP_SESSION_my OP_SERVICE_ACCOUNT_TOKEN"
)
_ELSEWHERE = "OP_NODE_L1_ETH_RPC OP_BATCHER_MAX_CHANNEL_DURATION OP_ENV OP_HOME OP_USER OP_PORT OP_URL OP_TOKEN OP_"


@pytest.mark.parametrize("variable", [*_ONE_PASSWORD.split(), *_ELSEWHERE.split()])
def test_variables_of_other_programs_are_left_alone(variable: str) -> None:
    assert load_settings({variable: "x"}).settings == Settings()


def _service_variables(service: str) -> list[str]:
    """What Kubernetes sets in every pod beside a Service, and Docker for a link: of one port, named grpc."""
    name = service.upper().replace("-", "_")
    port = f"{name}_PORT_50051_TCP"
    plain = [f"{name}_{end}" for end in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GRPC", "PORT", "NAME")]
    return [*plain, port, *(f"{port}_{end}" for end in ("PROTO", "PORT", "ADDR"))]


def test_a_service_of_kubernetes_may_have_any_name_also_that_of_a_setting() -> None:
    words = [env_name(spec.name).lower().split("_") for spec in dataclasses.fields(Settings)]
    services = {"-".join(each[:length]) for each in words for length in range(1, len(each) + 1)}
    assert {"op", "op-bind", "op-http-endpoint"} <= services
    variables = {name for service in sorted(services) for name in _service_variables(service)}
    assert load_settings(dict.fromkeys(variables, "tcp://10.0.0.1:50051")).settings == Settings()


def test_the_port_is_what_follows_the_last_colon() -> None:
    assert Settings(endpoint="[::1]:51009").port == 51009


@pytest.mark.parametrize(
    ("variables", "listened_on", "advertised"),
    [
        ({}, ("127.0.0.1", 50051), "127.0.0.1:50051"),
        ({"OP_ENDPOINT": "operator.example:80"}, ("127.0.0.1", 80), "operator.example:80"),
        ({"OP_ENDPOINT": "127.0.0.1:0"}, ("127.0.0.1", 0), "127.0.0.1:4321"),
        # As containers have it since the first version.
        ({"OP_BIND": "0.0.0.0"}, ("0.0.0.0", 50051), "127.0.0.1:50051"),
        ({"OP_BIND": "0.0.0.0", "OP_ENDPOINT": "10.0.0.7:80"}, ("0.0.0.0", 80), "10.0.0.7:80"),
        # Apart, as behind a proxy.
        ({"OP_BIND": "0.0.0.0:6000", "OP_ENDPOINT": "operator.example:443"}, ("0.0.0.0", 6000), "operator.example:443"),
        ({"OP_BIND": "[::1]:6000", "OP_ENDPOINT": "operator.example:443"}, ("::1", 6000), "operator.example:443"),
        ({"OP_BIND": "::1"}, ("::1", 50051), "127.0.0.1:50051"),
        ({"OP_BIND": "10.0.0.7:6000"}, ("10.0.0.7", 6000), "10.0.0.7:6000"),
        ({"OP_BIND": "[::1]:0"}, ("::1", 0), "[::1]:4321"),
        # Nobody can call these.
        ({"OP_ENDPOINT": "0.0.0.0:80"}, ("127.0.0.1", 80), "127.0.0.1:80"),
        ({"OP_ENDPOINT": "[::]:80", "OP_BIND": "::1"}, ("::1", 80), "[::1]:80"),
        ({"OP_ENDPOINT": ":80", "OP_BIND": "0.0.0.0"}, ("0.0.0.0", 80), f"{platform.node()}:80"),
        ({"OP_ENDPOINT": "0.0.0.0:80", "OP_BIND": "::"}, ("::", 80), f"{platform.node()}:80"),
        ({"OP_BIND": "0.0.0.0:6000"}, ("0.0.0.0", 6000), f"{platform.node()}:6000"),
    ],
)
def test_what_is_listened_on_and_what_is_advertised(
    variables: dict[str, str], listened_on: tuple[str, int], advertised: str
) -> None:
    settings = load_settings(variables).settings
    assert (settings.host, settings.port) == listened_on
    assert settings.advertised(4321) == advertised


def test_every_setting_says_what_it_is_for() -> None:
    assert all(spec.metadata["help"].endswith(".") for spec in dataclasses.fields(Settings))


def test_a_setting_has_a_variable() -> None:
    assert env_name("max_batch") == "OP_MAX_BATCH"

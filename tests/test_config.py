"""One configuration, from a file, variables and options."""

import inspect
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap._options import doc_of
from braze_heap.config import Config, ConfigError, SinkConfig, TransformConfig, example
from braze_heap.config._tables import TABLES, declared_keys, file_keys, variables
from braze_heap.sinks import JsonLinesSink
from braze_heap.testing import make_raw

PREFIX = "BRAZE_HEAP_"

Load = Callable[..., Config]


class KeyedSink(bh.MemorySink):
    """The sink of a team that needs a key."""

    def __init__(self, api_key: str = "") -> None:
        super().__init__()
        self.api_key = api_key


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write a file, and load it with the given variables only."""
    monkeypatch.chdir(tmp_path)

    def load(
        content: str | bytes = "",
        environ: Mapping[str, str] | None = None,
        name: str = "service.toml",
        **options: Any,
    ) -> Config:
        data = content if isinstance(content, bytes) else content.encode()
        Path(name).write_bytes(data)
        variables = {f"{PREFIX}{key}": text for key, text in (environ or {}).items()}
        return Config.load(name, variables, **options)

    return load


def test_the_defaults_are_those_of_the_transformer() -> None:
    """An empty configuration changes nothing."""
    events = [make_raw(event_type) for event_type in bh.EVENT_TYPES]

    configured = Config.from_env({}).transformer().transform(events)

    assert configured == bh.Transformer().transform(events)


def test_every_option_of_the_transformer_can_be_configured() -> None:
    """Only functions and objects are left to code."""
    options = {*inspect.signature(bh.Transformer).parameters}
    configured = {field.name for field in attrs.fields(TransformConfig)}

    functions = {"suppress", "derive", "delete_identity"}
    assert options - configured == {"mappers", "naming", "event_types", *functions}


def test_tables_of_a_file_are_read(load: Load) -> None:
    config = load(
        """
        [transform]
        include = "engagement"
        identity = ["external_user_id", "user_id"]
        exclude = ["PushEvent", "users.messages.sms.Send"]
        sample = {EmailSend = 0.1}
        [transform.fixed_properties]
        source = "braze"
        [sink]
        app_id = "11"
        region = "eu"
        deadline = 7
        [state]
        path = "live.db"
        [serve]
        port = 8443
        [log]
        format = "json"
        """
    )

    assert config.transform == TransformConfig(
        include=("engagement",),
        identity=("external_user_id", "user_id"),
        exclude=("PushEvent", "users.messages.sms.Send"),
        sample={"EmailSend": 0.1},
        fixed_properties={"source": "braze"},
    )
    assert config.sink.to_spec() == "heap:?app_id=11&region=eu&deadline=7"
    assert (config.state.path, config.serve.port) == ("live.db", 8443)
    assert config.log.format == "json"


def test_variables_are_read_as_lists_and_json(load: Load) -> None:
    config = load(
        environ={
            "TRANSFORM__LOCAL_TIME": "true",
            "TRANSFORM__INCLUDE": "channel:email, PushOpen",
            "TRANSFORM__SAMPLE": '{"EmailSend": 0.1}',
            "TRANSFORM__PERSONAL_DATA": "hash",
            "TRANSFORM__HASH_KEY": "canary of 16 and more",
            "SINK__APP_ID": "11",
            "SERVE__GRACE": "5.5",
        }
    )

    assert config.transform == TransformConfig(
        local_time=True,
        include=("channel:email", "PushOpen"),
        sample={"EmailSend": 0.1},
        personal_data="hash",
        hash_key="canary of 16 and more",
    )
    assert config.sink.to_spec() == "heap:?app_id=11"
    assert config.serve.grace == 5.5
    assert "canary" not in repr(config)


def test_an_option_wins_over_a_variable_and_that_over_the_file(load: Load) -> None:
    config = load(
        "[serve]\nport = 1\nhost = 'a'\ngrace = 9",
        {"SERVE__PORT": "2", "SERVE__HOST": "b"},
        options={("serve", "port"): (3, "--port")},
    )

    assert (config.serve.port, config.serve.host, config.serve.grace) == (3, "b", 9)
    sources = {key: source for key, _, source in config.values() if key[:5] == "serve"}
    assert sources == {
        "serve.host": "variable BRAZE_HEAP_SERVE__HOST",
        "serve.port": "option --port",
        "serve.grace": "file service.toml",
        "serve.token": "default",
    }


def test_the_sink_of_an_option_replaces_the_table(load: Load) -> None:
    config = load(
        "[sink]\napp_id = '1'\nregion = 'eu'\napi_key_env = 'BRAZE_HEAP_CONFIG'",
        {"CONFIG": "canary"},
        options={("sink", "spec"): ("memory:", "--sink")},
    )

    assert config.sink == SinkConfig(spec="memory:")
    config.open_sink().close()


@pytest.mark.parametrize(
    ("own", "spec", "key"),
    [
        ("app_id = '1'", "heap:?app_id=12", "canary"),
        ("app_id = '1'", "heap:?app_id=12&api_key_env=X", ""),
        ("app_id = '1'", "tests.test_config:KeyedSink", ""),
        ("kind = 'tests.test_config:KeyedSink'", "heap:?app_id=12", ""),
    ],
)
def test_the_key_of_a_heap_sink_is_for_heap_only(
    own: str, spec: str, key: str, load: Load
) -> None:
    """Another sink, which an option of the command names, does not get it."""
    config = load(
        f"[sink]\n{own}\napi_key_env = 'BRAZE_HEAP_CONFIG'",
        {"CONFIG": "canary"},
        options={("sink", "spec"): (spec, "--sink")},
    )

    assert config.sink == SinkConfig(spec=spec, api_key=key)


@pytest.mark.parametrize("sink", ["kind", "spec"])
@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("api_key_env = 'BRAZE_HEAP_CONFIG'", {"CONFIG": "canary"}),
        ("api_key_file = 'key'", {}),
        ("", {"SINK__API_KEY": "canary"}),
    ],
)
def test_a_sink_of_a_team_gets_its_key(
    sink: str, text: str, environ: dict[str, str], load: Load
) -> None:
    Path("key").write_text("canary\n", encoding="utf-8")

    config = load(f"[sink]\n{sink} = 'tests.test_config:KeyedSink'\n{text}", environ)

    opened = config.open_sink()
    assert isinstance(opened, KeyedSink)
    assert opened.api_key == "canary"


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("kind = 'file'\npath = 'x.gz'\nmax_bytes = 99", "file:x.gz?max_bytes=99"),
        ("kind = 'console'", "console:"),
        ("kind = 'acme.sinks:Bucket'\nurl = 'a b'", "acme.sinks:Bucket?url=a+b"),
        ("app_id = '1'\ntrust_env = true", "heap:?app_id=1&trust_env=true"),
        ("spec = 'memory:'", "memory:"),
    ],
)
def test_a_kind_of_sink_has_its_options_as_keys(
    text: str, spec: str, load: Load
) -> None:
    assert load(f"[sink]\n{text}").sink.to_spec() == spec


def test_sink_and_state_are_opened(load: Load) -> None:
    config = load("[sink]\nkind = 'file'\npath = 'calls.jsonl'\n[state]\npath = 's.db'")

    with config.open_state() as state, config.open_sink() as sink:  # type: ignore[attr-defined]
        assert isinstance(sink, JsonLinesSink)
        state.dead_letter.ready()

    assert {"calls.jsonl", "s.db"} <= {path.name for path in Path().iterdir()}
    with pytest.raises(ConfigError, match="there is no sink: set app_id"):
        Config().open_sink()


@pytest.mark.parametrize(
    ("text", "environ", "source"),
    [
        ("", {"SERVE__TOKEN": "canary-1"}, "variable BRAZE_HEAP_SERVE__TOKEN"),
        ("", {"SERVE__TOKEN_ENV": "BRAZE_HEAP_T", "T": "canary-1"}, "variable"),
        ("serve.token_env = 'BRAZE_HEAP_T'", {"T": "canary-1\n"}, "variable"),
        ("serve.token_file = 'token'", {}, "file token"),
    ],
)
@pytest.mark.filterwarnings("ignore:environment variables that")
def test_a_secret_is_in_a_variable_or_a_file(
    text: str, environ: dict[str, str], source: str, load: Load
) -> None:
    """The line end of a file is not part of it, nor is a byte order mark."""
    Path("token").write_bytes("\ufeffcanary-1\r\n".encode())

    config = load(text, environ)

    assert config.serve.token == "canary-1"
    assert config.sources["serve.token"].startswith(source)
    assert "canary" not in str([*config.values()])


def test_secrets_of_other_tables_are_not_read(load: Load) -> None:
    """An analyst may not read the token of the service."""
    config = load("serve.token_file = '/nowhere/token'", secrets_of=["transform"])

    assert config.serve.token == ""


def test_usual_variables_hold_token_and_key(load: Load) -> None:
    environ = {"BRAZE_TOKEN": "canary-1", "HEAP_API_KEY": "canary-2"}

    heap = Config.from_env({**environ, f"{PREFIX}SINK__APP_ID": "11"})
    other = Config.from_env({**environ, f"{PREFIX}SINK__SPEC": "memory:"})

    assert (heap.serve.token, heap.sink.api_key) == ("canary-1", "canary-2")
    assert other.sink.api_key == ""


def test_variables_of_kubernetes_are_ignored() -> None:
    """A service that is called braze-heap does not keep its own pod from starting."""
    environ = {
        "BRAZE_HEAP_SERVICE_HOST": "10.0.0.1",
        "BRAZE_HEAP_SERVICE_PORT": "80",
        "BRAZE_HEAP_SERVICE_PORT_HTTP": "80",
        "BRAZE_HEAP_PORT": "tcp://10.0.0.1:80",
        "BRAZE_HEAP_PORT_80_TCP": "tcp://10.0.0.1:80",
        "BRAZE_HEAP_PORT_80_TCP_PROTO": "tcp",
        "BRAZE_HEAP_PORT_80_TCP_PORT": "80",
        "BRAZE_HEAP_PORT_80_TCP_ADDR": "10.0.0.1",
        "BRAZE_HEAP_CANARY_SERVICE_HOST": "10.0.0.2",
        "BRAZE_HEAP_CANARY_PORT": "tcp://10.0.0.2:80",
        "BRAZE_HEAP_CONFIG": "service.toml",
    }

    assert Config.from_env(environ) == Config()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BRAZE_HEAP_LOCAL_TIME", "BRAZE_HEAP_TRANSFORM__LOCAL_TIME"),
        ("BRAZE_HEAP_SINK_APP_ID", "BRAZE_HEAP_SINK__APP_ID"),
        ("BRAZE_HEAP_SERVE_TOKEN_FILE", "BRAZE_HEAP_SERVE__TOKEN_FILE"),
        ("BRAZE_HEAP_SERVE__PROT", "BRAZE_HEAP_SERVE__PORT"),
        ("BRAZE_HEAP_SINK__REGOIN", "BRAZE_HEAP_SINK__REGION"),
        ("braze_heap_serve__port", "BRAZE_HEAP_SERVE__PORT"),
        ("BRAZE_HEAP_PORT", "BRAZE_HEAP_SERVE__PORT"),
    ],
)
def test_a_variable_that_sets_nothing_is_a_warning(name: str, meant: str) -> None:
    warning = (
        rf"^environment variables that set nothing: {name} \(did you mean {meant}\?\)"
    )

    with pytest.warns(UserWarning, match=warning):
        assert Config.from_env({name: "1"}) == Config()


FLAWS: list[tuple[str | bytes, dict[str, str], str]] = [
    # Types and values in the file.
    ("serve.port = '8080'", {}, "serve.port must be a whole number, not text"),
    ("serve.port = 80.5", {}, "serve.port must be a whole number, not a number"),
    ("serve.port = true", {}, "serve.port must be a whole number, not a boolean"),
    ("serve.port = -1", {}, "serve.port must be from 0 to 65,535, not -1"),
    ("serve.port = 65536", {}, "serve.port must be from 0 to 65,535"),
    ("serve.grace = nan", {}, "serve.grace must be a finite number"),
    ("serve.host = ' '", {}, "serve.host must not be empty"),
    ("serve.host = []", {}, "serve.host must be text in quotes, not a list"),
    ("state.path = ''", {}, "state.path must not be empty"),
    ("state.max_bytes = 5", {}, "state.max_bytes must be from 65,536 to"),
    (
        "log.level = 'verbose'",
        {},
        "log.level must be one of debug, info, warning, error",
    ),
    ("log.level = 'wraning'", {}, "Did you mean 'warning'?"),
    ("log.format = 5", {}, "log.format must be one of text, json, not 5"),
    ("transform.local_time = 'yes'", {}, "must be true or false, not text"),
    ("transform.machines = 'dorp'", {}, "Did you mean 'drop'?"),
    ("transform.include = 5", {}, "include must be a list of texts, not a number"),
    ("transform.exclude = [5]", {}, "transform.exclude[0] must be text"),
    ("transform.sample = {EmailSend = '1'}", {}, "sample.EmailSend must be a number"),
    ("transform.include = ['']", {}, "transform.include contains an empty text"),
    ("transform.sample = []", {}, "transform.sample must be a table, not a list"),
    (
        "transform.identity = ['name']",
        {},
        "identity[0] must be one of external_user_id",
    ),
    ("transform.fixed_properties = {a = []}", {}, "fixed_properties.a must be text"),
    (
        "transform.personal_fields = {a = 'x'}",
        {},
        "personal_fields.a must be one of drop",
    ),
    (
        "transform.identity = []",
        {},
        "service.toml: transform.identity must not be empty",
    ),
    ("transform.event_prefix = 1979-05-27", {}, "must be text in quotes, not a date"),
    # Names in the file.
    ("local_time = true", {}, "outside of its table: write it as transform.local_"),
    ("[braze_heap]\nnested = 'json'", {}, "there is no table 'braze_heap'"),
    ("[srve]\nport = 1", {}, "there is no table 'srve'. Did you mean 'serve'?"),
    ("[[serve]]\nport = 1", {}, "serve must be a table: write [serve]"),
    ("[personal_fields]\na = 'keep'", {}, "write it as transform.personal_fields"),
    ("transform.locl_time = true", {}, "Did you mean 'local_time'?"),
    ("[SERVE]\nport = 1", {}, "no table 'SERVE'. Did you mean 'serve'?"),
    ("[serve]\nlocal_time = true", {}, "in [serve]: write it below [transform]"),
    ("[sink]\napp_id = '1'\nregoin = 'eu'", {}, "'regoin' in [sink]. Did you mean"),
    # Sinks.
    ("sink.region = 'eu'", {}, "a Heap sink needs sink.app_id"),
    ("sink.app_id = 11", {}, "sink.app_id must be text in quotes, not a number"),
    ("[sink]\napp_id = '1'\nregion = 'ue'", {}, "sink.region must be one of us, eu"),
    (
        "[sink]\napp_id = '1'\ntimeout = -1",
        {},
        "sink.timeout must be a positive number",
    ),
    ("sink.app_id = ' '", {}, "sink.app_id must be that under Manage > Projects"),
    ("sink.app_id = 'YOUR_APP_ID'", {}, "in Heap: a number, such as 11"),
    ("[sink]\napp_id = '1'\ntimeout = 11", {}, "sink.timeout has no effect"),
    ("[sink]\napp_id = '1'\nallow_http = true", {}, "sink.allow_http has no effect"),
    ("[sink]\napp_id = '1'\nevents_a_minute = 20000", {}, "over Heap's limit, 15,000"),
    ("sink.kind = 5", {}, "sink.kind must be text in quotes"),
    ("sink.kind = 'a b:c'", {}, "sink.kind: unknown kind 'a b:c'. Known kinds"),
    ("sink.kind = ':c'", {}, "sink.kind: unknown kind ':c'. Known kinds"),
    ("sink.kind = 'os:'", {}, "sink.kind: unknown kind 'os:'. Known kinds"),
    ("sink.kind = 'file'", {}, "a file sink needs sink.path"),
    ("[sink]\nkind = 'memory'\nregion = 'eu'", {}, "a memory sink has no 'region'"),
    ("[sink]\napp_id = '1'\npath = 'x'", {}, "sink.path is for a file sink"),
    ("[sink]\nkind = 'console'\npath = 'x'", {}, "sink.path is for a file sink"),
    ("sink.kind = 'HEAP'", {}, "unknown kind 'HEAP'. Did you mean 'heap'?"),
    ("sink.spec = ''", {}, "sink.spec must not be empty"),
    ("[sink]\nspec = 'memory:'\nregion = 'eu'", {}, "exclude each other: keep one"),
    ("sink.spec = 'memory:'", {"SINK__REGION": "eu"}, "exclude each other"),
    # Secrets.
    ("transform.hash_key = 'canary'", {}, "name a variable with hash_key_env, or a"),
    ("serve.token = 'canary'", {}, "serve.token is a secret, which must not be in"),
    ("state.url = 'postgresql://u:canary@h/d'", {}, "variable with url_env, or"),
    ("[serve]\ntoken_env = 'A'\ntoken_file = 'b'", {}, "exclude each other"),
    ("serve.token_env = 'NO_SUCH'", {}, "the variable NO_SUCH is not set"),
    ("serve.token_env = 'canary-1'", {}, "serve.token_env: the variable is not set"),
    ("serve.token_env = ''", {}, "serve.token_env is empty"),
    ("serve.token_env = ['canary']", {}, "token_env must be text in quotes, not a"),
    ("sink.kind = 'memory'\nsink.api_key_env = 'X'", {}, "'memory' has no key"),
    ("sink.spec = '-'\nsink.api_key_file = 'X'", {}, "'-' has no key"),
    ("serve.token_file = 'canary'", {}, "the file cannot be read: No such file"),
    ("serve.token_file = 'empty'", {}, "the file empty must not be empty"),
    ("serve.token_file = 'folder'", {}, "the file folder cannot be read: Is a"),
    ("serve.token_file = 'utf16'", {}, "the file utf16 is not UTF-8 text"),
    ("serve.token_file = '/dev/zero'", {}, "the file /dev/zero is not text, or too"),
    ("", {"SERVE__TOKEN": ""}, "BRAZE_HEAP_SERVE__TOKEN must not be empty"),
    # State.
    ("state.path = 's3://bucket/x'", {}, "state.path is a URL: name it with url"),
    ("state.path = ':memory:'", {}, "state.path must be the path of a file"),
    ("[state]\npath = 'a'\nurl = 'postgresql://h/d'", {}, "exclude each other"),
    ("[state]\nurl = 'sqlite://'\nmax_bytes = 99999", {}, "not a database"),
    # Variables.
    ("", {"SERVE__PORT": "x"}, "BRAZE_HEAP_SERVE__PORT: 'x' is not a whole number"),
    ("", {"SERVE__PORT": ""}, "BRAZE_HEAP_SERVE__PORT is empty: set or remove it"),
    ("", {"SERVE__PORT": "8_0"}, "SERVE__PORT: '8_0' is not a whole number"),
    ("", {"SERVE__GRACE": "\u0662"}, "SERVE__GRACE: '\u0662' is not a number"),
    ("", {"TRANSFORM__SAMPLE": '{"a": 0, "a": 1}'}, "SAMPLE: 'a' is given twice"),
    ("", {"TRANSFORM__INCLUDE": " , "}, "TRANSFORM__INCLUDE is empty"),
    ("", {"SERVE__PORT": "-1"}, "BRAZE_HEAP_SERVE__PORT must be from 0"),
    ("", {"SERVE__PORT": "tcp://10.0.0.1:80"}, "is not a whole number"),
    ("", {"LOG__LEVEL": "INFO"}, "BRAZE_HEAP_LOG__LEVEL must be one of"),
    ("", {"TRANSFORM__SAMPLE": "{"}, "TRANSFORM__SAMPLE: not a JSON object"),
    ("", {"TRANSFORM__SAMPLE": "[]"}, "TRANSFORM__SAMPLE must be a table"),
    ("", {"TRANSFORM__LOCAL_TIME": "maybe"}, "not true or false, yes or no"),
    ("", {"SINK__REGION": "eu"}, "BRAZE_HEAP_SINK__REGION: a Heap sink needs"),
    # Whole files.
    ("[serve]\nport = ", {}, "service.toml is not TOML: Invalid value (at "),
    ("serve.port = 1\nserve.port = 2", {}, "service.toml is not TOML: "),
    (
        "[serve]\nport = 1".encode("utf-16"),
        {},
        "is not UTF-8 text: save it as UTF-8",
    ),
    ("a = " + "[" * 100_000, {}, "is nested too deeply"),
    ("serve:\n  port: 1\n", {}, "service.toml is not TOML"),
]


@pytest.mark.parametrize(("text", "environ", "flaw"), FLAWS)
def test_a_wrong_configuration_is_an_error(
    text: str | bytes, environ: dict[str, str], flaw: str, load: Load
) -> None:
    """The error names the place, and contains no secret."""
    Path("empty").write_text("\n", encoding="utf-8")
    Path("utf16").write_bytes("canary".encode("utf-16"))
    Path("folder").mkdir()

    with pytest.raises(ConfigError, match=re.escape(flaw)) as caught:
        load(text, environ)

    assert "canary" not in str(caught.value)
    assert re.match(r"service\.toml|BRAZE_HEAP_", str(caught.value))


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("[]", "must hold one JSON object"),
        ("5", "must hold one JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"log": {}, "log": {}}', "'log' is given twice"),
        ('{"serve": {"grace": NaN}}', "serve.grace must be a finite number"),
        ('{"serve": null}', "serve must be a table"),
        ('{"serve": {"port": null}}', "serve.port must be a whole number, not null"),
        ('{"serve": {"port": 1},}', "is not JSON: "),
    ],
)
def test_a_wrong_json_file_is_an_error(text: str, flaw: str, load: Load) -> None:
    with pytest.raises(ConfigError, match=rf"service\.json.*{re.escape(flaw)}"):
        load(text, name="service.json")


def test_a_json_file_is_read_by_its_suffix(load: Load) -> None:
    config = load('{"transform": {"event_renames": {"a": "b"}}}', name="c.JSON")

    assert config.transform.event_renames == {"a": "b"}


def test_a_byte_order_mark_is_ignored(load: Load) -> None:
    assert load("\ufeff[serve]\nport = 1").serve.port == 1


def test_all_errors_are_named_at_once(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("[serve]\nport = 'x'\n[lgo]\n[log]\nlevel = 1", {"STATE__MAX_BYTES": "1"})

    assert len(str(caught.value).splitlines()) == 4


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Config.from_file(tmp_path / "none.toml")


def test_the_example_has_every_key_and_equals_the_defaults(load: Load) -> None:
    """
    As it is, and with the comment signs removed before keys with a default. Without
    those before any key it is TOML.
    """
    text = example()
    keys = dict.fromkeys(re.findall(r"^#(\w+) =", text, re.MULTILINE))

    assert keys.keys() >= {key for table in TABLES for key in file_keys(table)} - {
        "url"
    }
    assert load(text) == Config()
    every = tomllib.loads(re.sub(r"^#(\w+ =)", r"\1", text, flags=re.MULTILINE))
    placeholders = every["transform"]["placeholder_identities"]
    assert {*placeholders} == TransformConfig().placeholder_identities
    assert ".." not in text.replace('"..."', "")
    others = r"\w+_env|\w+_file|custom_event_prefix|placeholder_identities|.*\.\.\."
    lines = rf"^#(?!{others})(\w+ = .+)$"
    text = re.sub(lines, r"\1", text, flags=re.MULTILINE)
    options = tomllib.loads(text)["sink"]
    del options["kind"]
    config = load(text.replace("[sink]", "[sink]\napp_id = '1'"))
    assert config == Config(sink=SinkConfig(options={"app_id": "1", **options}))
    assert len(config.sources) > 35


def test_every_key_has_a_variable_and_a_meaning() -> None:
    for table in TABLES:
        for key, declared in declared_keys(table).items():
            assert f"{PREFIX}{table}__{key}".upper() in variables()
            assert doc_of(declared)


def test_a_team_narrows_its_own_registry() -> None:
    """The choice of events applies to any mappers."""
    config = TransformConfig(include=("EmailEvent",))
    transform = config.transformer(bh.DEFAULT_MAPPERS).transform

    result = transform(
        [make_raw("users.messages.email.Open"), make_raw("users.canvas.Entry")]
    )

    assert [call.to_dict()["event"] for call in result.calls] == ["Braze Email Open"]
    assert [s.reason for s in result.skipped] == ["excluded"]


def test_own_mappers_are_imported(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function gets the other options, without its own name."""
    Path("teams_mappers.py").write_text(
        "def make(config):\n    return config.transformer()\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(".")

    config = load(
        "[transform]\ntransformer = 'teams_mappers:make'\nidentity = 'user_id'"
    )

    assert config.transformer()._identity.field == "user_id"
    with pytest.raises(ConfigError, match="no module 'no_such_module'"):
        TransformConfig(import_name="no_such_module:x").transformer()


@pytest.mark.parametrize("preset", ["engagement", "delivery"])
def test_preset_applies_to_the_registry_of_a_team(preset: str) -> None:
    """An option is in force whichever mappers are given."""
    events = [make_raw(event_type) for event_type in bh.EVENT_TYPES]
    config = TransformConfig(include=preset)

    own = config.transformer(bh.DEFAULT_MAPPERS).transform(events)

    assert own == config.transformer().transform(events)
    assert own.skipped


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": ("EmialClick",)}, "Did you mean 'EmailClick'"),
        ({"hash_key": "k" * 16}, "no treatment is 'hash'"),
        ({"identity_prefix": "b:"}, "identity_prefix has no effect"),
        ({"personal_data": "hash", "hash_key": "k" * 15}, "15 bytes"),
    ],
)
def test_options_that_make_no_transformer_are_an_error(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TransformConfig(**options).transformer()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "identity = ['device_id']",
            "transform.identity (file service.toml): identity cannot be device_id only",
        ),
        (
            "personal_data = 'hash'",
            "transform.personal_data (file service.toml): personal_data: 'hash' needs",
        ),
        (
            "include = ['EmialClick']",
            "transform.include (file service.toml): include: 'EmialClick' is not",
        ),
    ],
)
def test_an_error_of_the_transformer_names_key_and_place(
    text: str, message: str, load: Load
) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(message)}"):
        load(f"[transform]\n{text}").transformer()


def test_an_error_of_an_option_names_the_option(load: Load) -> None:
    config = load(options={("transform", "include"): (("EmialClick",), "--include")})

    with pytest.raises(ConfigError, match=r"^transform.include \(option --include\):"):
        config.transformer()

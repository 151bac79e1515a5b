"""All options as one value, from a dictionary, TOML or the environment."""

import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.config import ConfigError, TransformConfig
from braze_heap.testing import make_raw


def test_the_defaults_are_those_of_the_transformer() -> None:
    """An empty configuration changes nothing."""
    events = [make_raw(event_type) for event_type in bh.EVENT_TYPES]

    configured = TransformConfig().transformer().transform(events)

    assert configured == bh.Transformer().transform(events)


def test_every_option_of_the_transformer_can_be_configured() -> None:
    """Only what is no plain data is left to code."""
    options = {*inspect.signature(bh.Transformer).parameters}
    configured = {field.name for field in attrs.fields(TransformConfig)}

    functions = {"suppress", "derive", "delete_identity"}
    assert options - configured == {"mappers", "naming", "event_types", *functions}


def test_a_configuration_comes_from_toml(tmp_path: Path) -> None:
    """Options stand in a table of their own, beside those of others."""
    file = tmp_path / "service.toml"
    file.write_text(
        """
        [braze_heap]
        include = "engagement"
        identity = ["external_user_id", "user_id"]
        event_prefix = "braze-"
        exclude = ["PushEvent", "users.messages.sms.Send"]
        sample = {EmailSend = 0.1}
        [braze_heap.fixed_properties]
        source = "braze"
        """
    )

    config = TransformConfig.from_file(file)

    assert config == TransformConfig(
        include=("engagement",),
        identity=("external_user_id", "user_id"),
        event_prefix="braze-",
        exclude=("PushEvent", "users.messages.sms.Send"),
        sample={"EmailSend": 0.1},
        fixed_properties={"source": "braze"},
    )


def test_a_configuration_comes_from_the_environment() -> None:
    """Lists have commas, mappings are JSON."""
    config = TransformConfig.from_env(
        {
            "BRAZE_HEAP_LOCAL_TIME": "true",
            "BRAZE_HEAP_INCLUDE": "channel:email, PushOpen",
            "BRAZE_HEAP_SAMPLE": '{"EmailSend": 0.1}',
            "BRAZE_HEAP_EVENT_RENAMES": '{"Braze Email Click": "Click"}',
            "BRAZE_HEAP_PERSONAL_DATA": "hash",
            "BRAZE_HEAP_HASH_KEY": "a secret of 16 and more",
            "PATH": "/bin",
        }
    )

    assert config == TransformConfig(
        local_time=True,
        include=("channel:email", "PushOpen"),
        sample={"EmailSend": 0.1},
        event_renames={"Braze Email Click": "Click"},
        personal_data="hash",
        hash_key="a secret of 16 and more",
    )
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("options", "flaw"),
    [
        ({"personal_dta": "keep"}, "Did you mean 'personal_data'"),
        ({"local_time": "yes"}, "local_time"),
        ({"machines": "dorp"}, "Did you mean 'drop'.* @ config.machines"),
        ({"machines": 5}, "'5' is not one of keep, drop.* @ config.machines"),
        ({"include": 5}, "config.include"),
        ({"exclude": [5]}, r"config.exclude\[0\]"),
        ({"sample": {"EmailSend": "0.1"}}, "config.sample"),
        ({"sample": {"EmailSend": True}}, "config.sample"),
        ({"event_renames": {"a": 5}}, "event_renames"),
        ({"fixed_properties": {"a": []}}, "fixed_properties"),
        ({"identity": ["name"]}, "identity"),
        ({"event_prefix": 5, "deletions": 1}, "deletions.*event_prefix"),
    ],
)
def test_a_flaw_is_named_with_its_path(options: dict[str, Any], flaw: str) -> None:
    """A service does not start with a configuration that means nothing."""
    with pytest.raises(ConfigError, match=flaw):
        TransformConfig.from_dict(options)


def test_an_unknown_class_is_an_error_with_a_hint() -> None:
    """A typo must not leave everything out."""
    with pytest.raises(ValueError, match="Did you mean 'EmailClick'"):
        TransformConfig(include=("EmialClick",)).transformer()


def test_a_typo_in_the_environment_is_an_error() -> None:
    """A variable that is not read would be a policy that is not in force."""
    with pytest.raises(ConfigError, match="no option 'locl_time'"):
        TransformConfig.from_env({"BRAZE_HEAP_LOCL_TIME": "true"})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """The error says which file, and where."""
    file = tmp_path / "broken.toml"
    file.write_text("a = ")

    with pytest.raises(ConfigError, match=r"broken\.toml is no TOML"):
        TransformConfig.from_file(file)


def test_a_configuration_comes_from_json(tmp_path: Path) -> None:
    """The suffix tells."""
    file = tmp_path / "service.json"
    file.write_text('{"event_renames": {"Braze Email Click": "Click"}}')

    config = TransformConfig.from_file(file)

    assert config.event_renames == {"Braze Email Click": "Click"}


def test_a_team_narrows_its_own_registry() -> None:
    """The choice of events applies to any mappers."""
    config = TransformConfig(include=("EmailEvent",))
    transform = config.transformer(bh.DEFAULT_MAPPERS).transform

    result = transform(
        [make_raw("users.messages.email.Open"), make_raw("users.canvas.Entry")]
    )

    assert [call.to_dict()["event"] for call in result.calls] == ["Braze Email Open"]
    assert [s.reason for s in result.skipped] == ["excluded"]


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("[braze_heap]\n[serve]\nport = 1", "table 'serve'.*only that one is read"),
        ("local_time = true\n[braze_heap]", "option 'local_time'.*Move the option"),
        ("[braze-heap]\nlocal_time = true", "no table 'braze-heap'.*'braze_heap'"),
        ("[braze_heap]\nlocl_time = true", "Did you mean 'local_time'"),
        ("[personal_feilds]\ncountry = 'keep'", "Did you mean 'personal_fields'"),
        ("[serve]\nport = 1", "no table 'serve'"),
        ("braze_heap = 5", "not a table"),
        ("include = " + "[" * 100_000, "nested too deeply"),
    ],
)
def test_part_of_a_file_that_nothing_reads_is_an_error(
    text: str, flaw: str, tmp_path: Path
) -> None:
    """An unknown table or key names itself, the file, and the nearest known name."""
    file = tmp_path / "service.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=rf"service\.toml.*{flaw}"):
        TransformConfig.from_file(file)


@pytest.mark.parametrize("text", ["[]", "5", "[" * 100_000])
def test_json_file_without_an_object_is_an_error(text: str, tmp_path: Path) -> None:
    """Whatever a JSON file holds instead of options, the error names the file."""
    file = tmp_path / "service.json"
    file.write_text(text)

    with pytest.raises(ConfigError, match=r"service\.json"):
        TransformConfig.from_file(file)


def test_variables_override_a_base() -> None:
    """A variable wins over the file; what no variable sets stays."""
    base = TransformConfig(local_time=True, event_prefix="B ")

    config = TransformConfig.from_env({"BRAZE_HEAP_EVENT_PREFIX": ""}, base=base)

    assert config == TransformConfig(local_time=True, event_prefix="")


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
    }

    assert TransformConfig.from_env(environ) == TransformConfig()


@pytest.mark.parametrize(
    ("name", "value", "flaw"),
    [
        ("PORT", "8080", "no option 'port'"),
        ("MACHINES", "none", "in the environment: .*machines"),
        ("EVENT_RENAMES", "[" * 100_000, "BRAZE_HEAP_EVENT_RENAMES: not a JSON object"),
    ],
)
def test_variable_that_sets_nothing_is_an_error(
    name: str, value: str, flaw: str
) -> None:
    """The error names the variable or its option."""
    with pytest.raises(ConfigError, match=flaw):
        TransformConfig.from_env({f"BRAZE_HEAP_{name}": value})


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
        ({"hash_key": "k" * 16}, "nothing is hashed"),
        ({"identity_prefix": "b:"}, "identity_prefix has no effect"),
    ],
)
def test_an_option_without_effect_is_an_error(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        TransformConfig.from_dict(options).transformer()


def test_a_short_hash_key_is_refused_in_a_configuration() -> None:
    config = TransformConfig(personal_data="hash", hash_key="k" * 15)

    with pytest.raises(ValueError, match="15 bytes"):
        config.transformer()


@pytest.mark.parametrize("options", [None, [1], "x"])
def test_options_that_are_no_mapping_are_an_error(options: Any) -> None:
    with pytest.raises(ConfigError, match="must be a mapping"):
        TransformConfig.from_dict(options)

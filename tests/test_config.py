"""
All options as one value, from a dictionary, TOML or the environment.
"""

import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.config import ConfigError, TransformConfig
from braze_heap.testing import make_raw


def test_the_defaults_are_those_of_the_transformer() -> None:
    """
    An empty configuration changes nothing.
    """
    events = [make_raw(event_type) for event_type in bh.EVENT_TYPES]

    configured = TransformConfig().transformer().transform(events)

    assert configured == bh.Transformer().transform(events)


def test_every_option_of_the_transformer_can_be_configured() -> None:
    """
    Only what is no plain data is left to code.
    """
    options = {*inspect.signature(bh.Transformer).parameters}
    configured = {field.name for field in attrs.fields(TransformConfig)}

    assert options - configured == {"mappers", "naming", "event_types"}


def test_a_configuration_comes_from_toml(tmp_path: Path) -> None:
    """
    Options stand in a table of their own, beside those of others.
    """
    file = tmp_path / "service.toml"
    file.write_text(
        """
        [braze_heap]
        preset = "engagement"
        identity = ["external_user_id", "user_id"]
        event_prefix = "braze-"
        leave_out = ["PushEvent", "users.messages.sms.Send"]
        [braze_heap.fixed_properties]
        source = "braze"
        """
    )

    config = TransformConfig.from_file(file)

    assert config == TransformConfig(
        preset="engagement",
        identity=("external_user_id", "user_id"),
        event_prefix="braze-",
        leave_out=("PushEvent", "users.messages.sms.Send"),
        fixed_properties={"source": "braze"},
    )


def test_a_configuration_comes_from_the_environment() -> None:
    """
    Lists have commas, mappings are JSON.
    """
    config = TransformConfig.from_env(
        {
            "BRAZE_HEAP_LOCAL_TIME": "true",
            "BRAZE_HEAP_ONLY": "EmailEvent, PushOpen",
            "BRAZE_HEAP_EVENT_RENAMES": '{"Braze Email Click": "Click"}',
            "BRAZE_HEAP_PERSONAL_DATA": "hash",
            "BRAZE_HEAP_HASH_KEY": "a secret of 16 and more",
            "PATH": "/bin",
        }
    )

    assert config == TransformConfig(
        local_time=True,
        only=("EmailEvent", "PushOpen"),
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
        ({"preset": "everything"}, "preset"),
        ({"event_renames": {"a": 5}}, "event_renames"),
        ({"fixed_properties": {"a": []}}, "fixed_properties"),
        ({"identity": ["name"]}, "identity"),
        ({"event_prefix": 5, "deletions": 1}, "event_prefix.*deletions"),
    ],
)
def test_a_flaw_is_named_with_its_path(options: dict[str, Any], flaw: str) -> None:
    """
    A service does not start with a configuration that means nothing.
    """
    with pytest.raises(ConfigError, match=flaw):
        TransformConfig.from_dict(options)


def test_an_unknown_class_is_an_error_with_a_hint() -> None:
    """
    A typo must not leave everything out.
    """
    with pytest.raises(ConfigError, match="Did you mean 'EmailClick'"):
        TransformConfig(only=("EmialClick",)).transformer()


def test_a_typo_in_the_environment_is_an_error() -> None:
    """
    A variable that is not read would be a policy that is not in force.
    """
    with pytest.raises(ConfigError, match="no option 'locl_time'"):
        TransformConfig.from_env({"BRAZE_HEAP_LOCL_TIME": "true"})


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """
    The error says which file, and where.
    """
    file = tmp_path / "broken.toml"
    file.write_text("a = ")

    with pytest.raises(ConfigError, match=r"broken\.toml is no TOML"):
        TransformConfig.from_file(file)


def test_a_configuration_comes_from_json(tmp_path: Path) -> None:
    """
    The suffix tells.
    """
    file = tmp_path / "service.json"
    file.write_text('{"event_renames": {"Braze Email Click": "Click"}}')

    config = TransformConfig.from_file(file)

    assert config.event_renames == {"Braze Email Click": "Click"}


def test_a_team_narrows_its_own_registry() -> None:
    """
    The choice of events applies to any mappers.
    """
    config = TransformConfig(only=("EmailEvent",))
    transform = config.transformer(bh.DEFAULT_MAPPERS).transform

    result = transform(
        [make_raw("users.messages.email.Open"), make_raw("users.canvas.Entry")]
    )

    assert [call.to_dict()["event"] for call in result.calls] == ["Braze Email Open"]
    assert [s.reason for s in result.skipped] == ["not_mapped"]

"""
Everything that an operator sets: one TOML file, environment variables, or code.

`Config` has a table for each part: `TransformConfig`, `SinkConfig`, `StateConfig`,
`ServeConfig` and `LogConfig`. Each key is declared once.
"""

from braze_heap.config._config import Config
from braze_heap.config._example import example
from braze_heap.config._tables import (
    ENVIRONMENT_PREFIX,
    LogConfig,
    ServeConfig,
    SinkConfig,
    StateConfig,
    TransformConfig,
)
from braze_heap.config._values import ConfigError

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Config",
    "ConfigError",
    "LogConfig",
    "ServeConfig",
    "SinkConfig",
    "StateConfig",
    "TransformConfig",
    "example",
]

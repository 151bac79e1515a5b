"""
Public names of the package, each listed once.
"""

from braze_heap import (
    config as config,
)
from braze_heap import (
    drift as drift,
)
from braze_heap import (
    events as events,
)
from braze_heap import (
    exceptions as exceptions,
)
from braze_heap import (
    heap as heap,
)
from braze_heap import (
    mappers as mappers,
)
from braze_heap import (
    observers as observers,
)
from braze_heap import (
    parsing as parsing,
)
from braze_heap import (
    payloads as payloads,
)
from braze_heap import (
    pipeline as pipeline,
)
from braze_heap import (
    plan as plan,
)
from braze_heap import (
    policies as policies,
)
from braze_heap import (
    reasons as reasons,
)
from braze_heap import (
    receiver as receiver,
)
from braze_heap import (
    replaying as replaying,
)
from braze_heap import (
    report as report,
)
from braze_heap import (
    results as results,
)
from braze_heap import (
    sinks as sinks,
)
from braze_heap import (
    state as state,
)
from braze_heap import (
    testing as testing,
)
from braze_heap import (
    transformer as transformer,
)
from braze_heap import (
    wire as wire,
)
from braze_heap.config import (
    ConfigError as ConfigError,
)
from braze_heap.config import (
    TransformConfig as TransformConfig,
)
from braze_heap.events import (
    EVENT_TYPES as EVENT_TYPES,
)
from braze_heap.events import (
    CurrentsEvent as CurrentsEvent,
)
from braze_heap.events import (
    UnknownEvent as UnknownEvent,
)
from braze_heap.exceptions import (
    BrazeHeapError as BrazeHeapError,
)
from braze_heap.exceptions import (
    DeliveryError as DeliveryError,
)
from braze_heap.exceptions import (
    SinkUnavailable as SinkUnavailable,
)
from braze_heap.heap import (
    AsyncHeapSink as AsyncHeapSink,
)
from braze_heap.heap import (
    HeapSink as HeapSink,
)
from braze_heap.heap.calls import (
    AddUserProperties as AddUserProperties,
)
from braze_heap.heap.calls import (
    Call as Call,
)
from braze_heap.heap.calls import (
    DeleteUser as DeleteUser,
)
from braze_heap.heap.calls import (
    Track as Track,
)
from braze_heap.mappers import (
    DEFAULT_MAPPERS as DEFAULT_MAPPERS,
)
from braze_heap.mappers import (
    DELIVERY as DELIVERY,
)
from braze_heap.mappers import (
    ENGAGEMENT as ENGAGEMENT,
)
from braze_heap.mappers import (
    MapperRegistry as MapperRegistry,
)
from braze_heap.mappers import (
    Mappers as Mappers,
)
from braze_heap.mappers import (
    custom_event as custom_event,
)
from braze_heap.mappers import (
    declare as declare,
)
from braze_heap.mappers import (
    default as default,
)
from braze_heap.mappers import (
    purchase as purchase,
)
from braze_heap.mappers import (
    standard as standard,
)
from braze_heap.parsing import (
    EventError as EventError,
)
from braze_heap.parsing import (
    parse_event as parse_event,
)
from braze_heap.payloads import (
    HeapEvent as HeapEvent,
)
from braze_heap.payloads import (
    HeapUserDeletion as HeapUserDeletion,
)
from braze_heap.payloads import (
    HeapUserProperties as HeapUserProperties,
)
from braze_heap.payloads import (
    StandardEvent as StandardEvent,
)
from braze_heap.pipeline import (
    AsyncPipeline as AsyncPipeline,
)
from braze_heap.pipeline import (
    Pipeline as Pipeline,
)
from braze_heap.plan import (
    TrackingPlan as TrackingPlan,
)
from braze_heap.plan import (
    tracking_plan as tracking_plan,
)
from braze_heap.policies.identity import (
    first_of as first_of,
)
from braze_heap.policies.naming import (
    Naming as Naming,
)
from braze_heap.policies.privacy import (
    PersonalData as PersonalData,
)
from braze_heap.reasons import (
    Reason as Reason,
)
from braze_heap.reasons import (
    SkipReason as SkipReason,
)
from braze_heap.receiver import (
    UNAUTHENTICATED as UNAUTHENTICATED,
)
from braze_heap.receiver import (
    AsyncReceiver as AsyncReceiver,
)
from braze_heap.receiver import (
    Receiver as Receiver,
)
from braze_heap.replaying import (
    replay as replay,
)
from braze_heap.report import (
    Report as Report,
)
from braze_heap.results import (
    Rejected as Rejected,
)
from braze_heap.results import (
    Skipped as Skipped,
)
from braze_heap.results import (
    TransformResult as TransformResult,
)
from braze_heap.sinks import (
    JsonLinesSink as JsonLinesSink,
)
from braze_heap.sinks import (
    MemorySink as MemorySink,
)
from braze_heap.sinks import (
    open_sink as open_sink,
)
from braze_heap.state import (
    DISCARD as DISCARD,
)
from braze_heap.state import (
    SqliteDeadLetter as SqliteDeadLetter,
)
from braze_heap.transformer import (
    Transformer as Transformer,
)
from braze_heap.wire import (
    read_events as read_events,
)

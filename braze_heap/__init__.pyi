"""Public names of the package, each listed once."""

from braze_heap import (
    config as config,
    drift as drift,
    events as events,
    exceptions as exceptions,
    heap as heap,
    mappers as mappers,
    observers as observers,
    parsing as parsing,
    payloads as payloads,
    pipeline as pipeline,
    plan as plan,
    policies as policies,
    reasons as reasons,
    receiver as receiver,
    replaying as replaying,
    report as report,
    results as results,
    serverless as serverless,
    sinks as sinks,
    state as state,
    storage as storage,
    testing as testing,
    transformer as transformer,
    wire as wire,
)
from braze_heap.config import (
    Config as Config,
    ConfigError as ConfigError,
    TransformConfig as TransformConfig,
)
from braze_heap.events import (
    EVENT_TYPES as EVENT_TYPES,
    CurrentsEvent as CurrentsEvent,
    UnknownEvent as UnknownEvent,
)
from braze_heap.exceptions import (
    BrazeHeapError as BrazeHeapError,
    DeliveryError as DeliveryError,
    SinkUnavailable as SinkUnavailable,
)
from braze_heap.heap import (
    AsyncHeapSink as AsyncHeapSink,
    HeapSink as HeapSink,
)
from braze_heap.heap.calls import (
    AddUserProperties as AddUserProperties,
    Call as Call,
    DeleteUser as DeleteUser,
    Track as Track,
)
from braze_heap.mappers import (
    DEFAULT_MAPPERS as DEFAULT_MAPPERS,
    MapperRegistry as MapperRegistry,
    Mappers as Mappers,
    custom_event as custom_event,
    declare as declare,
    default as default,
    purchase as purchase,
    standard as standard,
)
from braze_heap.parsing import (
    EventError as EventError,
    parse_event as parse_event,
)
from braze_heap.payloads import (
    HeapEvent as HeapEvent,
    HeapUserDeletion as HeapUserDeletion,
    HeapUserProperties as HeapUserProperties,
    StandardEvent as StandardEvent,
    StandardUserProperties as StandardUserProperties,
)
from braze_heap.pipeline import (
    AsyncPipeline as AsyncPipeline,
    Pipeline as Pipeline,
)
from braze_heap.plan import (
    TrackingPlan as TrackingPlan,
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
from braze_heap.policies.selection import (
    DELIVERY as DELIVERY,
    ENGAGEMENT as ENGAGEMENT,
)
from braze_heap.reasons import (
    Reason as Reason,
    SkipReason as SkipReason,
)
from braze_heap.receiver import (
    UNAUTHENTICATED as UNAUTHENTICATED,
    AsyncReceiver as AsyncReceiver,
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
    Skipped as Skipped,
    TransformResult as TransformResult,
)
from braze_heap.sinks import (
    JsonLinesSink as JsonLinesSink,
    MemorySink as MemorySink,
    open_sink as open_sink,
)
from braze_heap.state import (
    DISCARD as DISCARD,
    MemoryLedger as MemoryLedger,
    SqliteDeadLetter as SqliteDeadLetter,
    SqliteLedger as SqliteLedger,
    SqliteState as SqliteState,
)
from braze_heap.transformer import (
    Transformer as Transformer,
)
from braze_heap.wire import (
    read_events as read_events,
)

__version__: str

"""Public names of the package. Each family lists its classes by defining them."""

from braze_heap.events import groups as groups
from braze_heap.events._base import CurrentsEvent as CurrentsEvent
from braze_heap.events._catalog import (
    CatalogArguments as CatalogArguments,
    CatalogEntry as CatalogEntry,
    Category as Category,
    Status as Status,
    catalog as catalog,
)
from braze_heap.events._declare import (
    Float32 as Float32,
    JsonObject as JsonObject,
    JsonText as JsonText,
    Place as Place,
    Privacy as Privacy,
    field as field,
    http_only as http_only,
    personal as personal,
    sensitive as sensitive,
    since as since,
    storage_only as storage_only,
)
from braze_heap.events._index import (
    EVENT_TYPES as EVENT_TYPES,
    EventTypes as EventTypes,
    catalog_entry as catalog_entry,
)
from braze_heap.events._schema import (
    EventField as EventField,
    event_fields as event_fields,
)
from braze_heap.events.agent import *
from braze_heap.events.banner import *
from braze_heap.events.behaviors import *
from braze_heap.events.campaigns import *
from braze_heap.events.canvas import *
from braze_heap.events.content_card import *
from braze_heap.events.content_optimizer import *
from braze_heap.events.email import *
from braze_heap.events.feature_flag import *
from braze_heap.events.groups import *
from braze_heap.events.in_app_message import *
from braze_heap.events.landing_page import *
from braze_heap.events.line import *
from braze_heap.events.live_activity import *
from braze_heap.events.news_feed_card import *
from braze_heap.events.push import *
from braze_heap.events.rcs import *
from braze_heap.events.sms import *
from braze_heap.events.subscription import *
from braze_heap.events.survey import *
from braze_heap.events.unknown import *
from braze_heap.events.users import *
from braze_heap.events.webhook import *
from braze_heap.events.whatsapp import *

"""Public names of the package, each listed once."""

from braze_heap.testing._contract import assert_legal as assert_legal
from braze_heap.testing._pacer import check_pacer as check_pacer
from braze_heap.testing._samples import (
    Form as Form,
    make_event as make_event,
    make_raw as make_raw,
)
from braze_heap.testing._sinks import (
    check_async_sink as check_async_sink,
    check_sink as check_sink,
)
from braze_heap.testing._state import (
    check_dead_letter as check_dead_letter,
    check_ledger as check_ledger,
    check_progress as check_progress,
)
from braze_heap.testing._traffic import (
    make_malformed as make_malformed,
    make_traffic as make_traffic,
)
from braze_heap.testing.fake_heap import FakeHeap as FakeHeap
from braze_heap.testing.simulated_braze import SimulatedBraze as SimulatedBraze

"""
Misspelled public names, which type checkers must refuse. Read by two of them.

A ``type: ignore`` that is not needed is an error, so each one proves a refusal.
"""

import braze_heap as bh

bh.SqliteDeadleter("x")  # type: ignore[attr-defined]
bh.testnig  # type: ignore[attr-defined] # noqa: B018
bh.testing.make_evnt()  # type: ignore[attr-defined]
bh.events.EmailClik  # type: ignore[attr-defined] # noqa: B018
bh.sinks.HeapSnk  # type: ignore[attr-defined] # noqa: B018
bh.Transformer().transfrom(b"")  # type: ignore[attr-defined]
bh.Transformer(identiy="user_id")  # type: ignore[call-arg]
bh.Transformer(personal_data={"email_address"})  # type: ignore[arg-type]

pipeline = bh.Pipeline(bh.Transformer(), bh.MemorySink(), bh.DISCARD)
bh.Pipeline(bh.Transformer(), bh.MemorySink(), None)  # type: ignore[arg-type]
transformer, sink = bh.Transformer(), bh.MemorySink()
bh.Pipeline(transformer, sink, bh.DISCARD, nosuch=1)  # type: ignore[call-arg]
bh.AsyncPipeline(
    bh.Transformer(),
    bh.HeapSink("11"),  # type: ignore[arg-type]
    bh.DISCARD,
)
bh.HeapSink("11", nosuch=1)  # type: ignore[call-arg]
bh.HeapSink("11", regoin="eu")  # type: ignore[call-arg]
bh.HeapSink("11", region="us-east")  # type: ignore[arg-type]
bh.HeapSink("11", None)  # type: ignore[call-arg, arg-type]
bh.AsyncHeapSink("11", regoin="eu")  # type: ignore[call-arg]
bh.Transformer(nestd="json")  # type: ignore[call-arg]
bh.Transformer(nested="yaml")  # type: ignore[arg-type]
bh.TransformConfig(nestd="json")  # type: ignore[call-arg]
bh.TransformConfig().nestd  # type: ignore[attr-defined] # noqa: B018
bh.Receiver(pipeline, "t", nosuch=1)  # type: ignore[call-arg]
bh.AsyncReceiver(pipeline, "t", nosuch=1)  # type: ignore[call-arg]
bh.testing.SimulatedBraze(nosuch=1)  # type: ignore[call-arg]

mappers = bh.Mappers()
with_a_collector = (
    bh.Transformer(mappers),
    bh.Transformer(bh.DEFAULT_MAPPERS | mappers),
    bh.Transformer(mappers | bh.DEFAULT_MAPPERS),
    bh.Transformer(mappers | mappers),
    bh.TransformConfig().transformer(mappers),
)

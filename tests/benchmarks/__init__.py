"""What it costs to turn Braze batches into Heap requests, here and done otherwise."""

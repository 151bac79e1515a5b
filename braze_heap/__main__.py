"""``python -m braze_heap`` is ``braze-heap``."""

from braze_heap.cli import main

if __name__ == "__main__":
    main()

"""
What can be wrong with a tracking plan that is read.
"""


class PlanError(ValueError):
    """
    A text is no tracking plan. Write one with ``TrackingPlan.to_json``.

    Attributes:
        flaw: What is wrong with it.
    """

    def __init__(self, flaw: str) -> None:
        super().__init__(flaw)
        self.flaw = flaw

    def __str__(self) -> str:
        return (
            f"this is no tracking plan that can be read: {self.flaw}. "
            "Write it again with `braze-heap plan --format json`."
        )

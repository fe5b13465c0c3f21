"""A claim that is tried out in a moment: its second side is 3 points better."""
from tinynet.claims.claim import Claim


def measured(work, side):
    """The second side is 3 points better; the test error is there only when it may be."""
    error = min(1.0, 0.5 + 0.01 * (work.seed % 7) - (0.03 if side == "b" else 0) + abs(work.rate - 0.2))
    return {"val_error": error, **({"test_error": error} if work.test else {})}


CLAIM = Claim("about it", "try", "A try", "a paper", "b is better", ("a", "b"), measured, rates=(0.1, 0.2, 0.4),
              published=2.0, seeds=3)

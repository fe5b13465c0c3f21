"""Dropout takes twice as long.

AlexNet, section 4.2: "Dropout roughly doubles the number of iterations required to converge."

Compared    a small AlexNet with dropout and without: after how many epochs its training error, as it is at test, has
            fallen to 40 %, between two epochs by a straight line; 30 epochs where it has not
Equal       start, images and their order, the learning rate (one for both: the paper changed nothing else)
Refuted     if the net without dropout takes longer: the interval of the factor lies below 1
"""
from ..look.curves import crossing
from ..training.progress import Record
from .claim import Claim
from .training import Work, errors, fit, small_net

LEVEL, MOST = 0.4, 30


def measure(work: Work, side: str) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {} if side == "with dropout" else {"dropout": False}, 10_000)

    def measured() -> Record:
        return {"error_at_test": errors(work, net, parts[:2], view, test=False)["train_error"]}
    records = fit(work, net, parts, view, MOST, decay=decay, validate=measured,
                  until=lambda record: record["error_at_test"] <= LEVEL)
    curve = [record["error_at_test"] for record in records]
    return {**errors(work, net, parts, view), "epochs": crossing(curve, LEVEL) or float(MOST)}


CLAIM = Claim(
    __doc__, "iterations", "Dropout doubles the iterations", "AlexNet, section 4.2", "about twice as many iterations",
    ("with dropout", "without"), measure, rates=(0.02,), number="epochs", published=2.0, unit="times")

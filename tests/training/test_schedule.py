"""Learning rates over the epochs, written out by hand."""
import copy
import json
import math

import pytest

from tinynet.training.schedule import ByEpoch, Schedule, Steps, WarmUp, WhenStuck


def rates(schedule, errors):
    """The rate of each epoch that ended with one of `errors`, and of the one after them."""
    seen = [schedule.lr]
    for error in errors:
        schedule.seen(error)
        seen.append(schedule.lr)
    return seen


def test_the_same_rate_for_ever():
    schedule = Schedule(0.01)
    assert rates(schedule, [0.5] * 3) == [0.01] * 4 and not schedule.finished


def test_a_function_of_the_epoch():
    assert rates(ByEpoch(lambda epoch: 1 / epoch), [0.5] * 3) == [1, 1 / 2, 1 / 3, 1 / 4]


def test_a_function_of_the_epoch_is_asked_only_for_epochs_that_come():
    table = [0.1, 0.01]
    schedule = ByEpoch(lambda epoch: table[epoch - 1])
    schedule.seen(0.5)
    assert schedule.lr == 0.01
    schedule.seen(0.5)                                                  # after the last epoch
    assert schedule.state() == {"epoch": 3}
    with pytest.raises(IndexError):
        schedule.lr  # noqa: B018


def test_a_rate_below_0_is_refused_when_it_is_given():
    schedule = ByEpoch(lambda epoch: 0.1 - 0.1 * epoch if epoch > 1 else 0.1)
    schedule.seen(0.5)
    with pytest.raises(ValueError, match="ByEpoch: expected a learning rate of 0 or more, got -0.1 for epoch 2"):
        schedule.lr  # noqa: B018


@pytest.mark.parametrize("schedule, settings", [
    (Schedule(0.1), {"lr": 0.1}), (ByEpoch(lambda epoch: 1 / epoch), {"rate(1)": 1.0}),
    (Steps(1, at=(2, 4)), {"lr": 1.0, "at": [2, 4], "factor": 0.1}),
    (WhenStuck(0.1, times=2), {"lr": 0.1, "factor": 0.1, "times": 2, "patience": 5}),
    (WarmUp(Steps(1, at=(2,), factor=0.5), 8, 3),
     {"of": {"Steps": {"lr": 1.0, "at": [2], "factor": 0.5}}, "factor": 8.0, "warm_up": 3})])
def test_what_it_was_made_with_stays_known(schedule, settings):
    for error in 0.5, 0.5, 0.5:
        schedule.seen(error)
    assert schedule.settings == settings


def test_steps():
    assert rates(Steps(0.01, at=(3, 4)), [0.5] * 4) == [0.01, 0.01, 0.001, 0.0001, 0.0001]
    assert rates(Steps(1, at=(2,), factor=0.5), [0.5] * 2) == [1, 0.5, 0.5]


def test_steps_at_epochs_that_come_one_by_one():
    schedule = Steps(0.1, at=map(int, "2,3".split(",")))
    assert schedule.at == (2, 3) and schedule.settings["at"] == [2, 3]
    with pytest.raises(ValueError, match="expected epochs from 2 on in ascending order"):
        Steps(0.1, at=map(int, "3,2".split(",")))


def test_when_stuck_divides_three_times_and_finishes_the_fourth():
    schedule = WhenStuck(0.01, patience=2)
    assert rates(schedule, [0.9, 0.8, 0.8]) == [0.01] * 4              # as good as the best is not better: 1 epoch
    assert rates(schedule, [0.9]) == [0.01, 0.001]                     # 2 epochs
    assert rates(schedule, [0.85, 0.7, 0.71]) == [0.001] * 4           # 1, better, 1
    assert rates(schedule, [0.72]) == [0.001, pytest.approx(1e-4)]
    assert rates(schedule, [0.7, 0.7])[-1] == pytest.approx(1e-5) and not schedule.finished
    lowest = schedule.lr
    assert rates(schedule, [0.7]) == [lowest] * 2 and not schedule.finished
    assert rates(schedule, [math.nan]) == [lowest] * 2 and schedule.finished


def test_when_stuck_never_gives_up_while_it_gets_better():
    schedule = WhenStuck(0.01, times=0, patience=1)
    assert rates(schedule, [1 / n for n in range(1, 50)]) == [0.01] * 50 and not schedule.finished
    for _ in range(3):  # also by a loop that goes on
        schedule.seen(1)
        assert schedule.finished and schedule.lr == 0.01
    WhenStuck(0.01, times=0, patience=1).restore(schedule.state())


def test_a_warm_up_grows_from_1_to_the_factor_and_stays_there():
    assert rates(WarmUp(Schedule(0.1), 5, 4), [0.5] * 5) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])
    assert rates(WarmUp(Schedule(0.1), 0.5, 1), [0.5] * 2) == pytest.approx([0.1, 0.05, 0.05])    # smaller batches
    assert rates(WarmUp(Schedule(0.1), 8, 0), [0.5]) == pytest.approx([0.8, 0.8])


def test_a_warm_up_is_of_the_rate_that_the_schedule_within_has_by_then():
    assert rates(WarmUp(Steps(1, at=(2, 4)), 3, 2), [0.5] * 3) == pytest.approx([1, 0.2, 0.3, 0.03])
    schedule = WarmUp(WhenStuck(1, patience=1, times=1), 3, 2)
    assert rates(schedule, [0.5, 0.5]) == pytest.approx([1, 2, 0.3]) and not schedule.finished
    schedule.seen(0.5)
    assert schedule.finished


@pytest.mark.parametrize("state, message", [
    ({"epoch": 1}, "WarmUp: expected a state of epoch, of, got {'epoch': 1}"),
    ({"epoch": 0, "of": {"lr": 0.1, "epoch": 1}}, "WarmUp epoch: expected a whole number of 1 or more, got 0"),
    ({"epoch": 2, "of": {"lr": 0.1, "epoch": 0}}, "Steps epoch: expected a whole number of 1 or more, got 0"),
    ({"epoch": 2, "of": {"lr": 0.1}}, "Steps: expected a state of lr, epoch, got lr")])
def test_a_state_that_a_warm_up_cannot_have_changes_nothing(state, message):
    schedule = WarmUp(Steps(0.1, at=(2,)), 8)
    with pytest.raises(ValueError, match=message):
        schedule.restore(state)
    assert schedule.state() == {"epoch": 1, "of": {"lr": 0.1, "epoch": 1}}


def test_a_copy_of_a_warm_up_can_be_restored_for_a_trial():
    schedule = WarmUp(Steps(0.1, at=(2,)), 8)
    copy.copy(schedule).restore({"epoch": 3, "of": {"lr": 0.01, "epoch": 3}})
    assert schedule.state() == {"epoch": 1, "of": {"lr": 0.1, "epoch": 1}}


@pytest.mark.parametrize("make", [lambda: Schedule(0.1), lambda: ByEpoch(lambda epoch: 0.1 / epoch),
                                  lambda: Steps(0.1, at=(3, 5)), lambda: WhenStuck(0.1, patience=1, times=2),
                                  lambda: WarmUp(WhenStuck(0.1, patience=1, times=1), 4, 3)])
def test_what_json_has_kept_goes_on_the_same(make):
    errors = [0.9, 0.8, 0.85, 0.7, 0.7, 0.6]
    for done in range(len(errors)):
        first, second = make(), make()
        rates(first, errors[:done])
        second.restore(json.loads(json.dumps(first.state())))
        assert rates(second, errors[done:]) == rates(first, errors[done:])
        assert second.finished == first.finished


def test_another_kind_of_state_is_refused_and_nothing_is_changed():
    schedule = Steps(0.1, at=(2,))
    with pytest.raises(ValueError, match="Steps: expected a state of lr, epoch, got lr, best, waited, drops, finished"):
        schedule.restore(WhenStuck(0.5).state())
    assert schedule.state() == {"lr": 0.1, "epoch": 1}


@pytest.mark.parametrize("make, message", [
    (lambda: Schedule(0), "Schedule: expected a learning rate above 0, got 0"),
    (lambda: WhenStuck(math.nan), "WhenStuck: expected a learning rate above 0, got nan"),
    (lambda: ByEpoch(lambda epoch: -1), "ByEpoch: expected a learning rate of 0 or more, got -1 for epoch 1"),
    (lambda: Steps(0.1, at=(3, 3)), "Steps: expected epochs from 2 on in ascending order"),
    (lambda: Steps(0.1, at=(1,)), "Steps: expected epochs from 2 on in ascending order"),
    (lambda: Steps(0.1, at=(2.5,)), r"epochs from 2 on in ascending order, whole numbers, got \(2.5,\)"),
    (lambda: Steps(0.1, at=(2,), factor=10), "Steps: expected a factor between 0 and 1, got 10"),
    (lambda: WhenStuck(0.1, factor=0), "WhenStuck: expected a factor between 0 and 1, got 0"),
    (lambda: WhenStuck(0.1, times=-1), "times of 0 or more and a patience of 1 epoch or more, got -1 and 5"),
    (lambda: WhenStuck(0.1, times=2.5), "times of 0 or more and a patience of 1 epoch or more, got 2.5 and 5"),
    (lambda: WhenStuck(0.1, patience=0), "got 3 and 0"),
    (lambda: WhenStuck(0.1, patience=1.5), "got 3 and 1.5"),
    (lambda: WarmUp(Schedule(0.1), 0), "WarmUp: expected a factor above 0 and 0 epochs or more, got 0 and 5"),
    (lambda: WarmUp(Schedule(0.1), 8, -1), "WarmUp: expected a factor above 0 and 0 epochs or more, got 8 and -1"),
])
def test_senseless_schedules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Lesson 17: wrong answers, which its checkers must not pass. Each name begins with its exercise."""


def exercise_1_does_not_wait(card, work):
    work()
    card.synchronize()
    start = card.now
    work()
    return card.now - start


def exercise_1_waits_at_the_end_only(card, work):
    start = card.now
    work()
    card.synchronize()
    return card.now - start


def exercise_1_with_the_compiler(card, work):
    card.synchronize()
    start = card.now
    work()
    card.synchronize()
    return card.now - start


def exercise_1_first_call_still_running(card, work):
    card.synchronize()
    work()
    start = card.now
    work()
    card.synchronize()
    return card.now - start


def exercise_1_both_calls(card, work):
    card.synchronize()
    start = card.now
    work()
    work()
    card.synchronize()
    return (card.now - start) / 2


def exercise_1_waits_before_only(card, work):
    work()
    card.synchronize()
    start = card.now
    card.synchronize()
    work()
    return card.now - start


def exercise_1_in_milliseconds(card, work):
    work()
    card.synchronize()
    start = card.now
    work()
    card.synchronize()
    return 1000 * (card.now - start)


def exercise_1_the_watch(card, work):
    work()
    card.synchronize()
    return card.now


def exercise_2_no_test_for_the_last_block(i, w, g, v, total, rate, momentum, decay):
    before = w[i]
    v[i] = velocity = momentum * v[i] - rate * (decay * before + g[i])
    w[i] = before + velocity


def exercise_2_reads_w_twice(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        velocity = momentum * v[i] - rate * (decay * w[i] + g[i])
        v[i] = velocity
        w[i] = w[i] + velocity


def exercise_2_reads_v_again(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        before = w[i]
        v[i] = momentum * v[i] - rate * (decay * before + g[i])
        w[i] = before + v[i]


def exercise_2_in_steps(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        v[i] *= momentum
        v[i] -= rate * decay * w[i]
        v[i] -= rate * g[i]
        w[i] += v[i]


def exercise_2_the_old_velocity(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        before, old = w[i], v[i]
        v[i] = momentum * old - rate * (decay * before + g[i])
        w[i] = before + old


def exercise_2_forgets_v(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        before = w[i]
        w[i] = before + momentum * v[i] - rate * (decay * before + g[i])


def exercise_2_no_decay(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        velocity = momentum * v[i] - rate * g[i]
        v[i] = velocity
        w[i] = w[i] + velocity


def exercise_2_everything_in_each_thread(i, w, g, v, total, rate, momentum, decay):
    for k in range(total):
        before = w[k]
        v[k] = velocity = momentum * v[k] - rate * (decay * before + g[k])
        w[k] = before + velocity


def exercise_2_only_the_first_block(i, w, g, v, total, rate, momentum, decay):
    if i < min(total, 128):
        before = w[i]
        v[i] = velocity = momentum * v[i] - rate * (decay * before + g[i])
        w[i] = before + velocity


def exercise_3_scatters(i, dy, switches, dx, total, K, S):
    if i < len(dy):
        place = i * S + switches[i]
        dx[place] = dx[place] + dy[i]


def exercise_3_all_windows(i, dy, switches, dx, total, K, S):
    if i < total:
        dx[i] = sum(dy[p] for p in range(len(dy)) if p * S + switches[p] == i)


def exercise_3_reads_every_gradient(i, dy, switches, dx, total, K, S):
    if i < total:
        dx[i] = sum(given for p, given in enumerate([dy[p] for p in range(len(dy))])
                    if p * S <= i < p * S + K and switches[p] == i - p * S)


def exercise_3_no_test_for_the_last_block(i, dy, switches, dx, total, K, S):
    first, last = max((i - K) // S + 1, 0), min(i // S, len(dy) - 1)
    dx[i] = sum(dy[p] for p in range(first, last + 1) if switches[p] == i - p * S)


def exercise_3_the_first_window_only(i, dy, switches, dx, total, K, S):
    if i < total:
        p = min(i // S, len(dy) - 1)
        dx[i] = dy[p] if switches[p] == i - p * S else 0


def exercise_3_the_last_winner_wins(i, dy, switches, dx, total, K, S):
    if i < total:
        dx[i] = 0
        for p in range(max((i - K) // S + 1, 0), min(i // S, len(dy) - 1) + 1):
            if switches[p] == i - p * S:
                dx[i] = dy[p]


def exercise_3_adds_to_what_was_there(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S + 1, 0), min(i // S, len(dy) - 1)
        dx[i] = dx[i] + sum(dy[p] for p in range(first, last + 1) if switches[p] == i - p * S)


def exercise_3_writes_winners_only(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S + 1, 0), min(i // S, len(dy) - 1)
        found = [dy[p] for p in range(first, last + 1) if switches[p] == i - p * S]
        if found:
            dx[i] = sum(found)


def exercise_3_beyond_the_last_window(i, dy, switches, dx, total, K, S):
    if i < total:
        dx[i] = sum(dy[p] for p in range(max((i - K) // S + 1, 0), i // S + 1) if switches[p] == i - p * S)


def exercise_3_one_window_too_few(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S + 2, 0), min(i // S, len(dy) - 1)
        dx[i] = sum(dy[p] for p in range(first, last + 1) if switches[p] == i - p * S)


def exercise_3_one_window_too_many(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S, 0), min(i // S, len(dy) - 1)
        dx[i] = sum(dy[p] for p in range(first, last + 1) if switches[p] == i - p * S)


def exercise_3_the_place_in_the_row(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S + 1, 0), min(i // S, len(dy) - 1)
        dx[i] = sum(dy[p] for p in range(first, last + 1) if switches[p] == i)


def exercise_3_writes_after_each_window(i, dy, switches, dx, total, K, S):
    if i < total:
        dx[i] = 0
        for p in range(max((i - K) // S + 1, 0), min(i // S, len(dy) - 1) + 1):
            dx[i] = dx[i] + dy[p] * (switches[p] == i - p * S)


SIDES = "left", "right"


def _half(ask, tasks, streams=SIDES):
    for task in tasks:
        for side, stream in zip(SIDES, streams, strict=True):
            ask(f"{task} {side}", stream)


def _exchange(card):
    sent = {side: card.record(side) for side in SIDES}
    card.wait(sent["right"], "left")
    card.wait(sent["left"], "right")


def exercise_4_one_stream(card, ask):
    ask("next images", 0)
    _half(ask, ("conv1", "conv2", "send", "conv3", "conv4", "conv5"), (0, 0))
    ask("join", 0)


def exercise_4_no_events(card, ask):
    ask("next images", "copies")
    _half(ask, ("conv1", "conv2", "send", "conv3", "conv4", "conv5"))
    ask("join", "left")


def exercise_4_no_event_before_the_join(card, ask):
    ask("next images", "copies")
    _half(ask, ("conv1", "conv2", "send"))
    _exchange(card)
    _half(ask, ("conv3", "conv4", "conv5"))
    ask("join", "left")


def exercise_4_one_side_waits(card, ask):
    ask("next images", "copies")
    _half(ask, ("conv1", "conv2", "send"))
    card.wait(card.record("right"), "left")
    _half(ask, ("conv3", "conv4", "conv5"))
    card.wait(card.record("right"), "left")
    ask("join", "left")


def exercise_4_event_before_the_sending(card, ask):
    ask("next images", "copies")
    _half(ask, ("conv1", "conv2"))
    events = {side: card.record(side) for side in SIDES}
    _half(ask, ("send",))
    card.wait(events["right"], "left")
    card.wait(events["left"], "right")
    _half(ask, ("conv3", "conv4", "conv5"))
    card.wait(card.record("right"), "left")
    ask("join", "left")


def exercise_4_next_images_first_in_a_column(card, ask):
    ask("next images", "left")
    _half(ask, ("conv1", "conv2", "send"))
    _exchange(card)
    _half(ask, ("conv3", "conv4", "conv5"))
    card.wait(card.record("right"), "left")
    ask("join", "left")


def exercise_4_next_images_before_all(card, ask):
    ask("next images", "copies")
    card.synchronize()
    _half(ask, ("conv1", "conv2", "send"))
    _exchange(card)
    _half(ask, ("conv3", "conv4", "conv5"))
    card.wait(card.record("right"), "left")
    ask("join", "left")


def exercise_4_columns_one_after_another(card, ask):
    ask("next images", "copies")
    for side in SIDES:
        for task in "conv1", "conv2", "send":
            ask(f"{task} {side}", side)
        card.synchronize()
    _half(ask, ("conv3", "conv4", "conv5"))
    card.synchronize()
    ask("join", "left")


def exercise_4_forgets_the_next_images(card, ask):
    _half(ask, ("conv1", "conv2", "send"))
    _exchange(card)
    _half(ask, ("conv3", "conv4", "conv5"))
    card.wait(card.record("right"), "left")
    ask("join", "left")


def exercise_4_asks_twice(card, ask):
    _half(ask, ("conv1", "conv1"))


def exercise_4_out_of_order(card, ask):
    ask("join", "left")
    exercise_4_forgets_the_next_images(card, ask)

"""Lesson 17: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""


def exercise_1_as_the_mean_of_ten(card, work):
    work()
    card.synchronize()
    before = card.now
    for _ in range(10):
        work()
        card.synchronize()
    return (card.now - before) / 10


def exercise_1_the_shortest_of_three(card, work):
    times = []
    for _ in range(3):
        card.synchronize()
        start = card.now
        work()
        card.synchronize()
        times.append(card.now - start)
    return min(times)


def exercise_2_returns_early(i, w, g, v, total, rate, momentum, decay):
    if i >= total:
        return
    weight, gradient, velocity = w[i], g[i], v[i]
    velocity *= momentum
    velocity -= decay * rate * weight + rate * gradient
    w[i], v[i] = weight + velocity, velocity


def exercise_2_writes_w_first(i, w, g, v, total, rate, momentum, decay):
    if i < len(w):
        now = w[i]
        step = momentum * v[i] - rate * decay * now - rate * g[i]
        w[i] = now + step
        v[i] = step


def exercise_3_backwards(i, dy, switches, dx, total, K, S):
    if i >= total:
        return
    total_dy, p = 0.0, min(i // S, len(dy) - 1)
    while p >= 0 and i - p * S < K:
        if p * S + switches[p] == i:
            total_dy += dy[p]
        p -= 1
    dx[i] = total_dy


def exercise_3_as_the_library_does(i, dy, switches, dx, total, K, S):
    if i < total:
        p1 = 0 if i < K else (i - K) // S + 1
        p2 = i // S if i // S < len(dy) else len(dy) - 1
        add = 0
        for p in range(p2, p1 - 1, -1):
            add += dy[p] * (switches[p] == i - p * S)
        dx[i] = add


def exercise_4_six_streams(card, ask):
    sent = {}
    for side in "left", "right":
        for task in "conv1", "conv2":
            ask(f"{task} {side}", f"low {side}")
        card.wait(card.record(f"low {side}"), f"copies {side}")
        ask(f"send {side}", f"copies {side}")
        sent[side] = card.record(f"copies {side}")
    ends = []
    for side in "left", "right":
        for event in sent.values():
            card.wait(event, f"high {side}")
        for task in "conv3", "conv4", "conv5":
            ask(f"{task} {side}", f"high {side}")
        ends.append(card.record(f"high {side}"))
    ask("next images", "host to card")
    for event in ends:
        card.wait(event, "end")
    ask("join", "end")


def exercise_4_the_host_waits(card, ask):
    ask("next images", 3)
    for task in "conv1", "conv2", "send":
        ask(f"{task} left", 1)
        ask(f"{task} right", 2)
    card.synchronize()
    for task in "conv3", "conv4", "conv5":
        ask(f"{task} right", 2)
        ask(f"{task} left", 1)
    card.synchronize()
    ask("join", 1)
    card.synchronize()

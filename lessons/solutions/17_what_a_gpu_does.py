"""Lesson 17: solutions. Look here after you have tried."""


# Exercise 17.1: once for the compiler; then wait on both sides.
def timed(card, work):
    work()
    card.synchronize()
    start = card.now
    work()
    card.synchronize()
    return card.now - start


# Exercise 17.2: three numbers read, two written.
def my_update(i, w, g, v, total, rate, momentum, decay):
    if i < total:
        before = w[i]
        velocity = momentum * v[i] - rate * (decay * before + g[i])
        v[i] = velocity
        w[i] = before + velocity


# Exercise 17.3: window p has pixel i if p S <= i < p S + K. The first such p is the one after (i - K) / S.
def my_pool_back(i, dy, switches, dx, total, K, S):
    if i < total:
        first, last = max((i - K) // S + 1, 0), min(i // S, len(dy) - 1)
        dx[i] = sum(dy[p] for p in range(first, last + 1) if switches[p] == i - p * S)


# Exercise 17.4: a stream for each column and one for the next images. Each column's conv3 waits for what the other has
# sent, and the join for the right column's end.
def my_schedule(card, ask):
    ask("next images", "copies")
    for task in "conv1", "conv2", "send":
        for side in "left", "right":
            ask(f"{task} {side}", side)
    sent = {side: card.record(side) for side in ("left", "right")}
    card.wait(sent["right"], "left")
    card.wait(sent["left"], "right")
    for task in "conv3", "conv4", "conv5":
        for side in "left", "right":
            ask(f"{task} {side}", side)
    card.wait(card.record("right"), "left")
    ask("join", "left")

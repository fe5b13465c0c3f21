"""Lesson 12: solutions. Look here after you have tried."""


# Exercise 12.1: slices write into the arrays they are slices of. What is on the right makes arrays, but small ones, and
# they stay in the cache. (With `out=` not even those would be made anew each time: tinynet/fast/optim.py.)
def update(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += v[n]
    return w, v


# Exercise 12.2: multiplied out, m₂ + m₃ = d₁g₁ + d₂ (g₀ + g₂) and m₂ - m₃ = d₁ (g₀ + g₂) + d₂g₁. In the first, d₂g₀ is
# too much: m₁ takes it away and brings d₀g₀. In the second, m₄ takes d₁g₂ away and brings d₃g₂.
def two_outputs(d, g):
    m1 = (d[0] - d[2]) * g[0]
    m2 = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2)
    m3 = (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    m4 = (d[1] - d[3]) * g[2]
    return m1 + m2 + m3, m2 - m3 - m4


# Exercise 12.3: as many tiles along an axis as cover it, and in each as many products as it has places.
def products(P, m, K):
    tiles = -(-P // m)
    return tiles ** 2 * (m + K - 1) ** 2

"""Lesson 19: solutions. Look here after you have tried."""
import numpy as np


# Exercise 19.1: multiplied out, m₂ + m₃ = d₁g₁ + d₂ (g₀ + g₂) and m₂ - m₃ = d₁ (g₀ + g₂) + d₂g₁. In the first, d₂g₀ is
# too much: m₁ takes it away and brings d₀g₀. In the second, m₄ takes d₁g₂ away and brings d₃g₂.
def two_outputs(d, g):
    m1 = (d[0] - d[2]) * g[0]
    m2 = (d[1] + d[2]) * ((g[0] + g[1] + g[2]) / 2)
    m3 = (d[2] - d[1]) * ((g[0] - g[1] + g[2]) / 2)
    m4 = (d[1] - d[3]) * g[2]
    return m1 + m2 + m3, m2 - m3 - m4


# Exercise 19.2: the axes that are transformed or multiplied come last, and `@` does all the others at once.
def winograd_layer(x, W, A, G, B):
    C, F = W.shape[2:]
    U = G @ W.transpose(2, 3, 0, 1) @ G.T                                                # (C, F, 6, 6)
    U = U.transpose(2, 3, 0, 1)                                                          # (6, 6, C, F)
    rows, columns = (x.shape[0] - 2) // 4, (x.shape[1] - 2) // 4
    tiles = np.stack([x[4 * i:4 * i + 6, 4 * j:4 * j + 6] for i in range(rows) for j in range(columns)])
    V = B.T @ tiles.transpose(0, 3, 1, 2) @ B                                            # (tiles, C, 6, 6)
    products = V.transpose(2, 3, 0, 1) @ U                                               # (6, 6, tiles, F)
    y = A.T @ products.transpose(2, 3, 0, 1) @ A                                         # (tiles, F, 4, 4)
    y = y.reshape(rows, columns, F, 4, 4).transpose(0, 3, 1, 4, 2)                       # (rows, 4, columns, 4, F)
    return y.reshape(4 * rows, 4 * columns, F)


# Exercise 19.3: small numbers, both signs, and their inverses: no power of them is far from 1.
def my_points():
    return 0, 0.5, -0.5, 1, -1, 1.75, -1.75

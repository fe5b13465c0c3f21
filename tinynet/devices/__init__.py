"""Where arrays live: the CPU, GPUs, and simulated devices that refuse to mix; and `send`, the only way between them."""

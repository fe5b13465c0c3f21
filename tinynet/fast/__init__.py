"""What is clever about speed: convolutions as matrix products, Winograd's tiles, threads, memory that is lent again."""

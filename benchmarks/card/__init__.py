"""What only a card can tell, asked in one command: laws, memory, speed, films, a training run.

Every answer is on the disk as soon as it is there, the most valuable first, and all of it ends in
time: a section that fails, hangs or dies leaves a row with the reason and the next one begins.
"""

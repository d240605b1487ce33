"""The Triton kernels behind scan_triton.py, the only file that imports this one, and triton with it, when a scan runs.

A program owns one video and BLOCK_D channels. Their state, a (BLOCK_D, BLOCK_N) tile, stays in registers while the
program walks through time; rows of the next snippet are asked for before this one's are used. Tensors are contiguous
and laid out as scan.py has them, all of one dtype, which is computed in. Offsets that grow with the batch or the length
start from `video`, an int64; those within a row or a state fit an int32.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["T", "chunk"])
def forward(
    u: tl.tensor,
    delta: tl.tensor,
    A: tl.tensor,
    B_t: tl.tensor,
    C_t: tl.tensor,
    skip: tl.tensor,
    state: tl.tensor,
    y: tl.tensor,
    starts: tl.tensor,
    last: tl.tensor,
    T: tl.tensor,
    D: tl.tensor,
    N: tl.tensor,
    chunk: tl.tensor,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    """y, the state after the last snippet, and starts (B, T / chunk, D, N): the state before each chunk."""
    blocks, chunks = tl.cdiv(D, BLOCK_D), tl.cdiv(T, chunk)
    video = (tl.program_id(0) // blocks).to(tl.int64)
    channel = (tl.program_id(0) % blocks) * BLOCK_D + tl.arange(0, BLOCK_D)
    place = tl.arange(0, BLOCK_N)
    real, wide = channel < D, place < N
    tile, inside = channel[:, None] * N + place[None, :], real[:, None] & wide[None, :]

    rates = tl.load(A + tile, mask=inside, other=0.0)
    through = tl.load(skip + channel, mask=real, other=0.0)
    h = tl.load(state + video * D * N + tile, mask=inside, other=0.0)

    row = video * T
    d = tl.load(delta + row * D + channel, mask=real, other=0.0)
    x = tl.load(u + row * D + channel, mask=real, other=0.0)
    b = tl.load(B_t + row * N + place, mask=wide, other=0.0)
    c = tl.load(C_t + row * N + place, mask=wide, other=0.0)
    for number in range(0, chunks):
        tl.store(starts + (video * chunks + number) * D * N + tile, h, mask=inside)
        for t in range(number * chunk, tl.minimum((number + 1) * chunk, T)):
            row = video * T + tl.minimum(t + 1, T - 1)
            next_d = tl.load(delta + row * D + channel, mask=real, other=0.0)
            next_x = tl.load(u + row * D + channel, mask=real, other=0.0)
            next_b = tl.load(B_t + row * N + place, mask=wide, other=0.0)
            next_c = tl.load(C_t + row * N + place, mask=wide, other=0.0)
            h = tl.exp(d[:, None] * rates) * h + (d * x)[:, None] * b[None, :]
            read = tl.sum(h * c[None, :], axis=1) + through * x
            tl.store(y + (video * T + t) * D + channel, read, mask=real)
            d, x, b, c = next_d, next_x, next_b, next_c
    tl.store(last + video * D * N + tile, h, mask=inside)


@triton.jit(do_not_specialize=["T", "chunk"])
def backward(
    u: tl.tensor,
    delta: tl.tensor,
    A: tl.tensor,
    B_t: tl.tensor,
    C_t: tl.tensor,
    skip: tl.tensor,
    starts: tl.tensor,
    gy: tl.tensor,
    glast: tl.tensor,
    scratch: tl.tensor,
    gu: tl.tensor,
    gdelta: tl.tensor,
    gA: tl.tensor,
    gB: tl.tensor,
    gC: tl.tensor,
    gskip: tl.tensor,
    gstate: tl.tensor,
    T: tl.tensor,
    D: tl.tensor,
    N: tl.tensor,
    chunk: tl.tensor,
    BLOCK_D: tl.constexpr,
    BLOCK_N: tl.constexpr,
) -> None:
    """Every gradient, chunk after chunk from the end: forward through a chunk, keeping its states, then back over it.

    gA (B, D, N) and gskip (B, D) are still to be summed over videos; gB and gC (B, blocks, T, N) over blocks of
    channels. scratch (B, chunk, D, N) holds the state before every snippet of the chunk at hand, in global memory:
    registers cannot be indexed by a snippet, and running the recurrence backwards would divide by what decayed to 0.
    """
    blocks, chunks = tl.cdiv(D, BLOCK_D), tl.cdiv(T, chunk)
    video, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    channel = block * BLOCK_D + tl.arange(0, BLOCK_D)
    place = tl.arange(0, BLOCK_N)
    real, wide = channel < D, place < N
    tile, inside = channel[:, None] * N + place[None, :], real[:, None] & wide[None, :]

    rates = tl.load(A + tile, mask=inside, other=0.0)
    through = tl.load(skip + channel, mask=real, other=0.0)
    g = tl.load(glast + video * D * N + tile, mask=inside, other=0.0)
    sum_A = tl.zeros((BLOCK_D, BLOCK_N), dtype=u.dtype.element_ty)
    sum_skip = tl.zeros((BLOCK_D,), dtype=u.dtype.element_ty)

    for back in range(0, chunks):
        number = chunks - 1 - back
        first = number * chunk
        steps = tl.minimum(chunk, T - first)
        h = tl.load(starts + (video * chunks + number) * D * N + tile, mask=inside, other=0.0)
        row = video * T + first
        d = tl.load(delta + row * D + channel, mask=real, other=0.0)
        x = tl.load(u + row * D + channel, mask=real, other=0.0)
        b = tl.load(B_t + row * N + place, mask=wide, other=0.0)
        for s in range(0, steps):
            row = video * T + first + tl.minimum(s + 1, steps - 1)
            next_d = tl.load(delta + row * D + channel, mask=real, other=0.0)
            next_x = tl.load(u + row * D + channel, mask=real, other=0.0)
            next_b = tl.load(B_t + row * N + place, mask=wide, other=0.0)
            tl.store(scratch + (video * chunk + s) * D * N + tile, h, mask=inside)
            h = tl.exp(d[:, None] * rates) * h + (d * x)[:, None] * b[None, :]
            d, x, b = next_d, next_x, next_b
        tl.debug_barrier()  # what one thread stored above another may load below

        row = video * T + first + steps - 1
        c = tl.load(C_t + row * N + place, mask=wide, other=0.0)
        gy_t = tl.load(gy + row * D + channel, mask=real, other=0.0)
        for s in range(0, steps):
            t = first + steps - 1 - s
            before = tl.load(scratch + (video * chunk + steps - 1 - s) * D * N + tile, mask=inside, other=0.0)
            row = video * T + tl.maximum(t - 1, first)
            next_d = tl.load(delta + row * D + channel, mask=real, other=0.0)
            next_x = tl.load(u + row * D + channel, mask=real, other=0.0)
            next_b = tl.load(B_t + row * N + place, mask=wide, other=0.0)
            next_c = tl.load(C_t + row * N + place, mask=wide, other=0.0)
            next_gy = tl.load(gy + row * D + channel, mask=real, other=0.0)

            partial = ((video * blocks + block) * T + t) * N + place
            tl.store(gC + partial, tl.sum(h * gy_t[:, None], axis=0), mask=wide)
            g += gy_t[:, None] * c[None, :]
            tl.store(gB + partial, tl.sum(g * (d * x)[:, None], axis=0), mask=wide)
            gdrive = tl.sum(g * b[None, :], axis=1)
            g *= tl.exp(d[:, None] * rates)  # now of the state before
            gpower = g * before  # of delta_t A
            here = (video * T + t) * D + channel
            tl.store(gdelta + here, tl.sum(gpower * rates, axis=1) + gdrive * x, mask=real)
            tl.store(gu + here, gdrive * d + through * gy_t, mask=real)
            sum_A += gpower * d[:, None]
            sum_skip += gy_t * x
            h = before
            d, x, b, c, gy_t = next_d, next_x, next_b, next_c, next_gy
        tl.debug_barrier()  # the next chunk stores over what was loaded

    tl.store(gA + video * D * N + tile, sum_A, mask=inside)
    tl.store(gskip + video * D + channel, sum_skip, mask=real)
    tl.store(gstate + video * D * N + tile, g, mask=inside)


INTERPRETED = not isinstance(forward, triton.JITFunction)  # TRITON_INTERPRET=1: numpy on a CPU, for tests

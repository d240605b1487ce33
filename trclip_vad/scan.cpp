// The selective scan on a CPU, forward and backward, for float and double; `scan_native.py` builds and calls it.
//
//   h_t = exp(delta_t A) h_{t-1} + delta_t u_t B_t        y_t = C_t h_t + skip u_t
//
// States do not see each other, so the loop over n stands outside the loop over time: the h of BLOCK channels stays in
// registers, and (B, T, D, N) is never held. The backward keeps exp and h of one n over SEGMENT steps, in the cache; a
// longer sequence is gone through once more for the states at the segments' borders.
// Arrays are row-major: u, delta, y (B, T, D); A (N, D), times log2(e); B_t, C_t (B, N, T); states (B, N, D).
// Work is cut by the shape alone, so a sum does not depend on the number of threads.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__clang__)
#define LANES _Pragma("clang loop vectorize(assume_safety)") for (int d = 0; d < BLOCK; ++d)
#else
#define LANES _Pragma("GCC ivdep") for (int d = 0; d < BLOCK; ++d)
#endif

namespace {

constexpr int BLOCK = 64;
constexpr int64_t SEGMENT = 256;
constexpr double LN2 = 0.693147180559945309417;

inline double exp2_of(double x) { return std::exp2(x); }

// 2^x = 2^round(x) p(x - round(x)), p of degree 6; within 2 units in the last place. NaN stays NaN.
inline float exp2_of(float x) {
    x = x < -126.0f ? -126.0f : x;
    x = x > 126.0f ? 126.0f : x;
    const float whole = std::floor(x + 0.5f), f = x - whole;
    float p = 1.5403530393381609954e-4f;
    p = p * f + 1.3333558146428443423e-3f;
    p = p * f + 9.618129107628477232e-3f;
    p = p * f + 5.5504108664821579953e-2f;
    p = p * f + 2.4022650695910071233e-1f;
    p = p * f + 6.9314718055994530942e-1f;
    p = p * f + 1.0f;
    const int32_t bits = (static_cast<int32_t>(whole) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}

struct Shape {
    int64_t B, T, D, N, parts;  // parts: pieces that the channels are cut into, each with sums of its own
};

// Calls task(scratch, i) for every i, each thread with scratch of its own.
template <typename Scratch, typename Task>
void spread(const Shape &s, int64_t threads, const Task &task) {
    std::atomic<int64_t> next{0};
    const int64_t tasks = s.B * s.parts;
    const auto work = [&] {
        Scratch scratch(s);
        for (int64_t i = next++; i < tasks; i = next++) task(scratch, i);
    };
    std::vector<std::thread> others;
    for (int64_t i = 1; i < std::min(threads, tasks); ++i) others.emplace_back(work);
    work();
    for (auto &other : others) other.join();
}

template <typename R> inline void load(R *to, const R *from, int width) {
    for (int d = 0; d < width; ++d) to[d] = from[d];
    for (int d = width; d < BLOCK; ++d) to[d] = 0;
}

template <typename R> inline void store(R *to, const R *from, int width) {
    for (int d = 0; d < width; ++d) to[d] = from[d];
}

template <typename R> struct Rows {
    std::vector<R> held;
    explicit Rows(int64_t count) : held(count * BLOCK) {}
    R *operator[](int64_t row) { return held.data() + row * BLOCK; }
};

inline int64_t steps(const Shape &s) { return std::min(SEGMENT, s.T); }
inline int64_t segments(const Shape &s) { return (s.T + SEGMENT - 1) / SEGMENT; }

template <typename R> struct Ahead {
    Rows<R> step, drive, out, state;
    explicit Ahead(const Shape &s) : step(steps(s)), drive(steps(s)), out(steps(s)), state(s.N) {}
};

template <typename R> struct Back {
    Rows<R> step, drive, given, input, exps, gdrive, gexp, states, border, gstate, gdecay;
    explicit Back(const Shape &s)
        : step(steps(s)), drive(steps(s)), given(steps(s)), input(steps(s)), exps(steps(s)), gdrive(steps(s)),
          gexp(steps(s)), states(steps(s) + 1), border(segments(s) * s.N), gstate(s.N), gdecay(s.N) {}
};

template <typename R>
void forward(const Shape s, const R *delta, const R *u, const R *A, const R *Bt, const R *Ct, const R *skip,
             const R *first, R *y, R *last, int64_t threads) {
    spread<Ahead<R>>(s, threads, [&](Ahead<R> &scratch, int64_t task) {
        auto &[step, drive, out, state] = scratch;
        const int64_t b = task / s.parts, part = task % s.parts, blocks = (s.D + BLOCK - 1) / BLOCK;
        for (int64_t k = part; k < blocks; k += s.parts) {
            const int64_t d0 = k * BLOCK;
            const int width = static_cast<int>(std::min<int64_t>(BLOCK, s.D - d0));
            R skips[BLOCK], decay[BLOCK], h[BLOCK];
            load(skips, skip + d0, width);
            for (int64_t n = 0; n < s.N; ++n) load(state[n], first + (b * s.N + n) * s.D + d0, width);
            for (int64_t t0 = 0; t0 < s.T; t0 += SEGMENT) {
                const int64_t length = std::min(SEGMENT, s.T - t0);
                for (int64_t t = 0; t < length; ++t) {
                    const int64_t at = (b * s.T + t0 + t) * s.D + d0;
                    R *x = drive[t], *ds = step[t], *o = out[t];
                    load(ds, delta + at, width);
                    load(x, u + at, width);
                    LANES { o[d] = skips[d] * x[d]; x[d] *= ds[d]; }
                }
                for (int64_t n = 0; n < s.N; ++n) {
                    const R *bt = Bt + (b * s.N + n) * s.T + t0, *ct = Ct + (b * s.N + n) * s.T + t0;
                    load(decay, A + n * s.D + d0, width);
                    std::memcpy(h, state[n], sizeof h);
                    for (int64_t t = 0; t < length; ++t) {
                        const R in = bt[t], read = ct[t], *ds = step[t], *x = drive[t];
                        R *o = out[t];
                        LANES {
                            const R v = exp2_of(ds[d] * decay[d]) * h[d] + x[d] * in;
                            h[d] = v;
                            o[d] += read * v;
                        }
                    }
                    std::memcpy(state[n], h, sizeof h);
                }
                for (int64_t t = 0; t < length; ++t) store(y + (b * s.T + t0 + t) * s.D + d0, out[t], width);
            }
            for (int64_t n = 0; n < s.N; ++n) store(last + (b * s.N + n) * s.D + d0, state[n], width);
        }
    });
}

// Gradients of the inputs (gA is that of A itself): gA (B, N, D), gskip (B, D); gB, gC (parts, B, N, T) zero at first.
template <typename R>
void backward(const Shape s, const R *delta, const R *u, const R *A, const R *Bt, const R *Ct, const R *skip,
              const R *first, const R *gy, const R *glast, R *gdelta, R *gu, R *gA, R *gB, R *gC, R *gskip, R *gfirst,
              int64_t threads) {
    spread<Back<R>>(s, threads, [&](Back<R> &scratch, int64_t task) {
        Rows<R> &step = scratch.step, &drive = scratch.drive, &given = scratch.given, &input = scratch.input;
        Rows<R> &exps = scratch.exps, &gdrive = scratch.gdrive, &gexp = scratch.gexp, &states = scratch.states;
        Rows<R> &border = scratch.border, &gstate = scratch.gstate, &gdecay = scratch.gdecay;
        const int64_t b = task / s.parts, part = task % s.parts, blocks = (s.D + BLOCK - 1) / BLOCK;
        for (int64_t k = part; k < blocks; k += s.parts) {
            const int64_t d0 = k * BLOCK;
            const int width = static_cast<int>(std::min<int64_t>(BLOCK, s.D - d0));
            R skips[BLOCK], gskips[BLOCK] = {}, decay[BLOCK], h[BLOCK], g[BLOCK], gd[BLOCK];
            load(skips, skip + d0, width);
            for (int64_t n = 0; n < s.N; ++n) {
                load(border[n], first + (b * s.N + n) * s.D + d0, width);
                load(gstate[n], glast + (b * s.N + n) * s.D + d0, width);
                std::memset(gdecay[n], 0, sizeof h);
            }
            const auto read = [&](int64_t t0, int64_t length) {
                for (int64_t t = 0; t < length; ++t) {
                    const int64_t at = (b * s.T + t0 + t) * s.D + d0;
                    R *x = drive[t], *ds = step[t], *in = input[t];
                    load(ds, delta + at, width);
                    load(in, u + at, width);
                    LANES x[d] = in[d] * ds[d];
                }
            };
            for (int64_t i = 0; i + 1 < segments(s); ++i) {
                read(i * SEGMENT, SEGMENT);
                for (int64_t n = 0; n < s.N; ++n) {
                    const R *bt = Bt + (b * s.N + n) * s.T + i * SEGMENT;
                    load(decay, A + n * s.D + d0, width);
                    std::memcpy(h, border[i * s.N + n], sizeof h);
                    for (int64_t t = 0; t < SEGMENT; ++t) {
                        const R in = bt[t], *ds = step[t], *x = drive[t];
                        LANES h[d] = exp2_of(ds[d] * decay[d]) * h[d] + x[d] * in;
                    }
                    std::memcpy(border[(i + 1) * s.N + n], h, sizeof h);
                }
            }
            for (int64_t i = segments(s) - 1; i >= 0; --i) {
                const int64_t t0 = i * SEGMENT, length = std::min(SEGMENT, s.T - t0);
                read(t0, length);
                for (int64_t t = 0; t < length; ++t) {
                    load(given[t], gy + (b * s.T + t0 + t) * s.D + d0, width);
                    std::memset(gdrive[t], 0, sizeof h);
                    std::memset(gexp[t], 0, sizeof h);
                }
                for (int64_t n = 0; n < s.N; ++n) {
                    const int64_t row = (b * s.N + n) * s.T + t0, sums = ((part * s.B + b) * s.N + n) * s.T + t0;
                    load(decay, A + n * s.D + d0, width);
                    std::memcpy(h, border[i * s.N + n], sizeof h);
                    std::memcpy(states[0], h, sizeof h);
                    for (int64_t t = 0; t < length; ++t) {
                        const R in = Bt[row + t], *ds = step[t], *x = drive[t];
                        R *e = exps[t], *after = states[t + 1];
                        LANES {
                            const R v = exp2_of(ds[d] * decay[d]);
                            e[d] = v;
                            h[d] = v * h[d] + x[d] * in;
                            after[d] = h[d];
                        }
                    }
                    std::memcpy(g, gstate[n], sizeof g);
                    std::memcpy(gd, gdecay[n], sizeof gd);
                    for (int64_t t = length - 1; t >= 0; --t) {
                        const R in = Bt[row + t], out = Ct[row + t];
                        const R *ds = step[t], *x = drive[t], *o = given[t], *e = exps[t];
                        const R *before = states[t], *after = states[t + 1];
                        R *gx = gdrive[t], *ge = gexp[t], sumB = 0, sumC = 0;
                        LANES {
                            const R gh = g[d] + o[d] * out;
                            sumC += o[d] * after[d];
                            sumB += gh * x[d];
                            gx[d] += gh * in;
                            const R carried = e[d] * gh, q = carried * before[d];
                            gd[d] += q * ds[d];
                            ge[d] += q * decay[d];
                            g[d] = carried;
                        }
                        gB[sums + t] += sumB;
                        gC[sums + t] += sumC;
                    }
                    std::memcpy(gstate[n], g, sizeof g);
                    std::memcpy(gdecay[n], gd, sizeof gd);
                }
                for (int64_t t = 0; t < length; ++t) {
                    const int64_t at = (b * s.T + t0 + t) * s.D + d0;
                    const R *ds = step[t], *in = input[t], *o = given[t];
                    R *gx = gdrive[t], *ge = gexp[t];
                    LANES {
                        ge[d] = gx[d] * in[d] + ge[d] * static_cast<R>(LN2);
                        gx[d] = gx[d] * ds[d] + skips[d] * o[d];
                        gskips[d] += o[d] * in[d];
                    }
                    store(gdelta + at, ge, width);
                    store(gu + at, gx, width);
                }
            }
            store(gskip + b * s.D + d0, gskips, width);
            for (int64_t n = 0; n < s.N; ++n) {
                store(gfirst + (b * s.N + n) * s.D + d0, gstate[n], width);
                store(gA + (b * s.N + n) * s.D + d0, gdecay[n], width);
            }
        }
    });
}

}  // namespace

#define ENTRY(R)                                                                                                       \
    void forward_##R(const int64_t *s, const R *const *in, R *const *out, int64_t threads) {                           \
        forward<R>({s[0], s[1], s[2], s[3], s[4]}, in[0], in[1], in[2], in[3], in[4], in[5], in[6], out[0], out[1],    \
                   threads);                                                                                           \
    }                                                                                                                  \
    void backward_##R(const int64_t *s, const R *const *in, R *const *out, int64_t threads) {                          \
        backward<R>({s[0], s[1], s[2], s[3], s[4]}, in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8],     \
                    out[0], out[1], out[2], out[3], out[4], out[5], out[6], threads);                                  \
    }

extern "C" {
ENTRY(float)
ENTRY(double)
}

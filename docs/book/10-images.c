/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A digest, by which an image names its parts: SHA-256 (FIPS 180-4). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t constants[64], start[8];

/* The first 32 bits of the fractional part of the root of a prime, in integers: the bits of the
 * largest r with r^degree <= prime * 2^(32 * degree). */
static uint32_t fraction(unsigned int prime, int degree)
{
        uint64_t low = 0, high = UINT64_C(1) << 36;

        while (high - low > 1) {
                uint64_t middle = (low + high) / 2;
                __extension__ unsigned __int128 power = 1, limit = prime;

                for (int i = 0; i < degree; i++) {
                        power *= middle;
                }
                if (power <= limit << 32 * degree) {
                        low = middle;
                } else {
                        high = middle;
                }
        }
        return (uint32_t)low;
}

static void make_constants(void)
{
        int count = 0;

        for (unsigned int number = 2; count < 64; number++) {
                unsigned int divisor = 2;

                while (number % divisor != 0) {
                        divisor++;
                }
                if (divisor == number) {
                        if (count < 8) {
                                start[count] = fraction(number, 2);
                        }
                        constants[count++] = fraction(number, 3);
                }
        }
}

static uint32_t turn(uint32_t word, int bits)
{
        return word >> bits | word << (32 - bits);
}

static void add_block(uint32_t state[8], const uint8_t block[64])
{
        uint32_t words[64], v[8];

        for (int i = 0; i < 16; i++) {
                words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                           (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
        }
        for (int i = 16; i < 64; i++) {
                uint32_t a = words[i - 15], b = words[i - 2];

                words[i] = words[i - 16] + words[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) +
                           (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
        }
        memcpy(v, state, sizeof v);
        for (int i = 0; i < 64; i++) {
                uint32_t one = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
                               ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + words[i];
                uint32_t two = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
                               ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

                memmove(v + 1, v, 7 * sizeof v[0]);
                v[4] += one;
                v[0] = one + two;
        }
        for (int i = 0; i < 8; i++) {
                state[i] += v[i];
        }
}

static void print_digest(const char *what, const void *data, size_t length)
{
        const uint8_t *at = data;
        uint8_t last[128] = { 0 };
        size_t rest = length % 64, padded = rest < 56 ? 64 : 128;
        uint32_t state[8];

        memcpy(state, start, sizeof state);
        for (size_t i = 0; i + 64 <= length; i += 64) {
                add_block(state, at + i);
        }
        /* A bit 1, zeros, and the length in bits. */
        memcpy(last, at + length - rest, rest);
        last[rest] = 0x80;
        for (int i = 0; i < 8; i++) {
                last[padded - 1 - (size_t)i] = (uint8_t)(length * 8 >> 8 * i);
        }
        for (size_t i = 0; i < padded; i += 64) {
                add_block(state, last + i);
        }
        printf("%s: sha256:", what);
        for (int i = 0; i < 8; i++) {
                printf("%08x", state[i]);
        }
        printf("\n");
}

int main(void)
{
        static const char layer[1024], changed[1024] = { [500] = 1 };

        make_constants();
        print_digest("nothing", "", 0);
        print_digest("an empty layer", layer, sizeof layer);
        print_digest("with one bit changed", changed, sizeof changed);
        return 0;
}

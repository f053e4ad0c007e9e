// Reference: annealing of a region of grid cells that stays connected, without holes and within the rules' sizes.
#include <cmath>
#include <cstdio>
#include <cstring>
const int G = 40, W = 25, ROUNDS = 16000;
int n, weight[G + 2][G + 2], stack_[4 * (G + 2) * (G + 2)];
bool in[G + 2][G + 2], old[G + 2][G + 2], seen[G + 2][G + 2];
unsigned long long s = 88172645463325252ull;
unsigned draw(unsigned below) { s ^= s << 13, s ^= s >> 7, s ^= s << 17; return (s >> 20) % below; }

int flood(int x, int y, bool kind) {
    int top = 0, count = 0;
    stack_[top++] = x * (G + 2) + y, seen[x][y] = true;
    while (top) {
        int at = stack_[--top], a = at / (G + 2), b = at % (G + 2);
        count++;
        const int dx[] = {1, -1, 0, 0}, dy[] = {0, 0, 1, -1};
        for (int k = 0; k < 4; k++) {
            int u = a + dx[k], v = b + dy[k];
            if (u < 0 || v < 0 || u > G + 1 || v > G + 1 || seen[u][v] || in[u][v] != kind) continue;
            seen[u][v] = true, stack_[top++] = u * (G + 2) + v;
        }
    }
    return count;
}

// Whether the region is a polygon of the rules; `sum` is its weight.
bool legal(int &sum) {
    int corners = 0, length = 0, cells = 0, x = 0, y = 0;
    sum = 0;
    for (int i = 0; i <= G; i++)
        for (int j = 0; j <= G; j++) {
            bool a = in[i][j], b = in[i + 1][j], c = in[i][j + 1], d = in[i + 1][j + 1];
            int k = a + b + c + d;
            if (k == 2 && a == d) return false;
            if (k == 1 || k == 3) corners++;
            length += (a != b) + (a != c);
            if (a) sum += weight[i][j], cells++, x = i, y = j;
        }
    if (!cells || corners > 60 || length * W > 8000) return false;
    memset(seen, 0, sizeof seen);
    return flood(x, y, true) == cells && flood(0, 0, false) == (G + 2) * (G + 2) - cells;
}

void trace() {
    int x = 0, y = 0;
    for (int i = G; i > 0; i--)
        for (int j = G; j > 0; j--)
            if (in[i][j]) x = i, y = j;
    // Walks along the border with the region on the right, from the lower left corner of its first cell upwards.
    const int dx[] = {0, 1, 0, -1}, dy[] = {1, 0, -1, 0};
    int a = x, b = y, d = 0, last = -1;  // corner (a, b) is the lower left one of cell (a, b)
    do {
        if (d != last) printf("%d %d ", (a - 1) * W, (b - 1) * W);
        last = d;
        a += dx[d], b += dy[d];
        for (int turn = 3; turn <= 5; turn++) {  // left, straight, right
            int e = (d + turn) % 4;
            bool right = e == 0 ? in[a][b] : e == 1 ? in[a][b - 1] : e == 2 ? in[a - 1][b - 1] : in[a - 1][b];
            bool left = e == 0 ? in[a - 1][b] : e == 1 ? in[a][b] : e == 2 ? in[a][b - 1] : in[a - 1][b - 1];
            if (right && !left) { d = e; break; }
        }
    } while (a != x || b != y);
    puts("");
}

int main() {
    scanf("%*d");
    while (scanf("%d", &n) > 0) {
        memset(weight, 0, sizeof weight);
        memset(in, 0, sizeof in);
        for (int i = 0; i < 2 * n; i++) {
            int x, y;
            scanf("%d %d", &x, &y);
            x = x / W + 1, y = y / W + 1;
            weight[x > G ? G : x][y > G ? G : y] += i < n ? 1 : -1;
        }
        in[G / 2][G / 2] = true;
        int now;
        legal(now);
        for (int r = 0; r < ROUNDS; r++) {
            double heat = n / 60.0 * (1 - (double)r / ROUNDS) + 1e-3;
            memcpy(old, in, sizeof in);
            int w = draw(draw(8) ? 4 : 14), h = draw(draw(8) ? 4 : 14);
            int x = 1 + draw(G - w), y = 1 + draw(G - h), kind = draw(2), next;
            for (int i = x; i <= x + w; i++)
                for (int j = y; j <= y + h; j++) in[i][j] = kind;
            if (!memcmp(old, in, sizeof in)) continue;
            if (legal(next) && (next >= now || draw(1000000) < 1e6 * exp((next - now) / heat))) now = next;
            else memcpy(in, old, sizeof in);
        }
        trace();
    }
}

#include <cstdio>
#include <cstdlib>
int x[4000], y[4000], n;

int main() {
    scanf("%*d");
    while (scanf("%d", &n) > 0) {
        for (int i = 0; i < 2 * n; i++) scanf("%d %d", x + i, y + i);
        int best = -1, a, b, c, d;
        for (int t = 0; t < 15; t++) {
            int p = rand() % 900, u = p + 20 + rand() % 80;
            int q = rand() % 900, v = q + 20 + rand() % 80, sum = 0;
            for (int i = 0; i < 2 * n; i++)
                if (x[i] >= p && x[i] <= u && y[i] >= q && y[i] <= v) sum += i < n ? 3 : -4;
            if (sum > best) best = sum, a = p, b = q, c = u, d = v;
        }
        printf("%d %d %d %d %d %d %d %d\n", a, b, c, b, c, d, a, d);
    }
    return 0;
}

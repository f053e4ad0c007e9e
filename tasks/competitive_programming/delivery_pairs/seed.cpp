#include <cstdio>
#include <cstdlib>
int p[600][4];

int main() {
    int n, m;
    scanf("%*d");
    while (scanf("%d %d", &n, &m) > 0) {
        int state[600] = {}, taken = 0, x = 500, y = 500;
        for (int i = 0; i < 4 * n; i++) scanf("%d", &p[i / 4][i % 4]);
        for (int t = 0; t < 2 * m; t++) {
            int pick = -1;
            double best = 1e9;
            for (int i = 0; i < n; i++) {
                int *q = p[i] + 2 * state[i];
                if (state[i] > 1 || (state[i] == 0 && taken == m)) continue;
                double cost = abs(q[0] - x) + abs(q[1] - y);
                cost += state[i] ? 90.0 : 0.1 * (abs(q[0] - q[2]) + abs(q[1] - q[3]));
                if (cost < best) best = cost, pick = i;
            }
            taken += !state[pick];
            x = p[pick][2 * state[pick]], y = p[pick][2 * state[pick] + 1];
            state[pick]++;
            printf("%d ", pick);
        }
        puts("");
    }
    return 0;
}

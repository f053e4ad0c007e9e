#include <cstdio>
#include <cstdlib>

int main() {
    int n, turns;
    scanf("%*d");
    while (scanf("%d %d", &n, &turns) > 0) {
        int rate[400], open[400], last[400] = {}, at = 0;
        for (int i = 0; i < n * n; i++) scanf("%d %d", rate + i, open + i);
        int move[] = {-n, n, -1, 1};
        for (int t = 1; t <= turns; t++) {
            double best = -1;
            int pick = 0;
            for (int k = 0; k < 4; k++) {
                int to = at + move[k];
                if (open[at] >> k & 1) {
                    double worth = (t - last[to]) * (rate[to] * 0.2 + 2.0) + 1.5 * (rand() % 200);
                    if (worth > best) best = worth, pick = k;
                }
            }
            at += move[pick];
            last[at] = t;
            putchar("UDLR"[pick]);
        }
        puts("");
    }
    return 0;
}

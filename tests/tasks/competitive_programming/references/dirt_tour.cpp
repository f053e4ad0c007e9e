// Reference: goes step by step towards what promises most dirt per step within some distance, with dirt on the way.
#include <cstdio>
#include <cstring>
int rate[400], open_[400], last[400], n, turns;

int main() {
    scanf("%*d");
    while (scanf("%d %d", &n, &turns) > 0) {
        int at = 0, move[] = {-n, n, -1, 1};
        memset(last, 0, sizeof last);
        for (int i = 0; i < n * n; i++) scanf("%d %d", rate + i, open_ + i);
        for (int t = 1; t <= turns; t++) {
            // Best sum of dirt along a walk that repeats no room, by depth-first search of limited depth.
            int depth = 9, path[16], pick = 0;
            double best = -1, sum[17] = {};
            int where[17], tried[17];
            bool on[400] = {};
            int d = 0;
            where[0] = at, tried[0] = 0, on[at] = true;
            while (d >= 0) {
                if (d == depth || tried[d] == 4) {
                    if (d && sum[d] / (d + 0.7) > best) best = sum[d] / (d + 0.7), pick = path[0];
                    on[where[d]] = false;
                    d--;
                    continue;
                }
                int k = tried[d]++;
                if (!(open_[where[d]] >> k & 1)) continue;
                int to = where[d] + move[k];
                if (on[to]) continue;
                path[d] = k;
                sum[d + 1] = sum[d] + rate[to] * (t + d - last[to] + 0.0);
                d++;
                where[d] = to, tried[d] = 0, on[to] = true;
            }
            at += move[pick];
            last[at] = t;
            putchar("UDLR"[pick]);
        }
        puts("");
    }
}

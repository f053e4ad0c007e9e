#include <cstdio>
#include <cstdlib>

int main() {
    int n, m;
    scanf("%*d");
    while (scanf("%d %d", &n, &m) > 0) {
        int s[20][250], high[20];
        for (int i = 0; i < n; i++) scanf("%d", &s[i * m / n][i % (n / m)]);
        for (int i = 0; i < m; i++) high[i] = n / m;
        for (int v = 1; v <= n; v++) {
            int a = 0, at = 0, b = 0, best = 9999;
            for (int i = 0; i < m; i++)
                for (int j = 0; j < high[i]; j++)
                    if (s[i][j] == v) a = i, at = j;
            for (int i = 0; i < m; i++) {
                int cost = 2 * high[i] + 0.5 * (rand() % 40);
                if (i != a && cost < best) best = cost, b = i;
            }
            if (at + 1 < high[a]) printf("%d %d ", s[a][at + 1], b);
            for (int j = at + 1; j < high[a]; j++) s[b][high[b]++] = s[a][j];
            high[a] = at;
        }
        puts("");
    }
    return 0;
}

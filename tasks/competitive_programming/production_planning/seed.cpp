#include <cstdio>
long long a[9], c[40], own[40], cash;

int main() {
    int T, k, l;
    scanf("%*d");
    while (scanf("%d %d %d %lld", &T, &k, &l, &cash) > 0) {
        for (int i = 0; i < k; i++) scanf("%lld", a + i);
        for (int m = 1; m <= k * l; m++) scanf("%lld", c + m), own[m] = 0;
        for (int left = T; left > 0; left--) {
            int pick = 0;
            double most = 0.8;
            for (int m = 1; m <= k * l; m++) {
                int i = (m - 1) / l, j = (m - 1) % l;
                double gain = (1.0 + 3.0 * j) * left * a[i] / c[m];
                if (c[m] <= cash && gain > most) most = gain, pick = m;
            }
            cash -= c[pick];
            own[pick]++;
            printf("%d ", pick);
            for (int m = k * l; m > 0; m--)
                if ((m - 1) % l) own[m - 1] += own[m];
                else cash += own[m] * a[m / l];
        }
        printf("\n");
    }
    return 0;
}

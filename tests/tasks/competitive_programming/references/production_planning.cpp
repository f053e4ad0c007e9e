// Reference: beam search over turns; a state is worth what it will hold at the end if nothing more is bought.
#include <algorithm>
#include <cstdio>
#include <vector>
using namespace std;
typedef long long ll;
struct State { double worth; ll money; ll own[40]; int back, pick; };
int T, k, l, n;
ll a[9], c[40], start;
double comb[300][6];

int main() {
    const int WIDTH = 100;
    scanf("%*d");
    while (scanf("%d %d %d %lld", &T, &k, &l, &start) > 0) {
        n = k * l;
        for (int i = 0; i < k; i++) scanf("%lld", a + i);
        for (int m = 0; m < n; m++) scanf("%lld", c + m);
        for (int left = 0; left <= T; left++)
            for (int j = 0; j < l; j++) {
                double v = 1;
                for (int q = 0; q <= j; q++) v = v * (left + j - q) / (q + 1);
                comb[left][j] = left ? v : 0;
            }
        vector<vector<State>> beam(T + 1);
        State first = {};
        first.money = start, first.back = -1;
        beam[0].push_back(first);
        for (int t = 0; t < T; t++) {
            int left = T - t - 1;
            vector<State> next;
            for (int b = 0; b < (int)beam[t].size(); b++)
                for (int m = -1; m < n; m++) {
                    State s = beam[t][b];
                    if (m >= 0) {
                        if (c[m] > s.money) continue;
                        s.money -= c[m], s.own[m]++;
                    }
                    for (int q = n - 1; q >= 0; q--)
                        if (q % l) s.own[q - 1] += s.own[q];
                        else s.money += a[q / l] * s.own[q];
                    s.back = b, s.pick = m + 1, s.worth = s.money;
                    for (int q = 0; q < n; q++) s.worth += a[q / l] * s.own[q] * comb[left][q % l];
                    next.push_back(s);
                }
            sort(next.begin(), next.end(), [](const State &x, const State &y) { return x.worth > y.worth; });
            // States of equal worth and money are mostly the same ones in another order.
            for (auto &s : next) {
                if ((int)beam[t + 1].size() >= WIDTH) break;
                if (beam[t + 1].empty() || s.worth != beam[t + 1].back().worth || s.money != beam[t + 1].back().money)
                    beam[t + 1].push_back(s);
            }
        }
        vector<int> plan(T);
        int b = 0;
        for (int t = T; t > 0; t--) plan[t - 1] = beam[t][b].pick, b = beam[t][b].back;
        for (int p : plan) printf("%d ", p);
        puts("");
    }
}

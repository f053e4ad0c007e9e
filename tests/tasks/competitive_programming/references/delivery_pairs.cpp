// Reference: annealing of a sequence of stops: an order is taken out, it or another one comes in at two random places.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>
using namespace std;
int p[600][4], n, m;
struct Stop { int order, end; };

int x(const Stop &s) { return p[s.order][2 * s.end]; }
int y(const Stop &s) { return p[s.order][2 * s.end + 1]; }

int length(const vector<Stop> &tour) {
    int a = 500, b = 500, sum = 0;
    for (auto &s : tour) sum += abs(x(s) - a) + abs(y(s) - b), a = x(s), b = y(s);
    return sum + abs(a - 500) + abs(b - 500);
}

int main() {
    scanf("%*d");
    while (scanf("%d %d", &n, &m) > 0) {
        for (int i = 0; i < 4 * n; i++) scanf("%d", &p[i / 4][i % 4]);
        vector<pair<int, int>> far;
        for (int i = 0; i < n; i++) {
            int away = 0;
            for (int k = 0; k < 4; k++) away += abs(p[i][k] - 500);
            far.push_back({away, i});
        }
        sort(far.begin(), far.end());
        vector<Stop> tour, kept;
        vector<char> in(n, 0);
        for (int i = 0; i < m; i++) tour.push_back({far[i].second, 0}), in[far[i].second] = 1;
        for (int i = 0; i < m; i++) tour.push_back({far[i].second, 1});
        int now = length(tour), best = now, rounds = 100000;
        kept = tour;
        for (int t = 0; t < rounds; t++) {
            double heat = 150 * (1 - (double)t / rounds) + 0.5;
            int out = tour[rand() % (2 * m)].order, order = rand() % 2 ? out : rand() % n;
            if (order != out && in[order]) continue;
            vector<Stop> trial;
            for (auto &s : tour)
                if (s.order != out) trial.push_back(s);
            int a = rand() % (2 * m - 1), b = rand() % (2 * m - 1);
            if (a > b) swap(a, b);
            trial.insert(trial.begin() + b, {order, 1});
            trial.insert(trial.begin() + a, {order, 0});
            int next = length(trial);
            if (next > now && rand() > RAND_MAX * exp((now - next) / heat)) continue;
            tour = trial, now = next, in[out] = 0, in[order] = 1;
            if (now < best) best = now, kept = tour;
        }
        for (auto &s : kept) printf("%d ", s.order);
        puts("");
    }
}

// Reference: all boxes on the next one go, in one to three moves, to stacks whose smallest box is large; best of many
// plans, each from random changes of the choices of the best one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>
using namespace std;
typedef vector<vector<int>> Stacks;

int smallest(const vector<int> &s) { return s.empty() ? 1000 : *min_element(s.begin(), s.end()); }

// choice[v]: 0 by the rule, else a stack to prefer; cut[v]: how many boxes the first move takes at most, 0 for all.
int play(Stacks s, int n, const vector<int> &choice, const vector<int> &cut, vector<int> &moves) {
    int m = s.size(), cost = 0;
    for (int v = 1; v <= n; v++) {
        int a = 0;
        for (int i = 0; i < m; i++)
            if (find(s[i].begin(), s[i].end(), v) != s[i].end()) a = i;
        for (int part = 0; s[a].back() != v; part++) {
            int from = find(s[a].begin(), s[a].end(), v) - s[a].begin() + 1, to = -1;
            if (!part && cut[v]) from = max(from, (int)s[a].size() - cut[v]);
            for (int i = 0; i < m; i++)
                if (i != a && (to < 0 || smallest(s[i]) > smallest(s[to]))) to = i;
            if (!part && choice[v] && choice[v] - 1 != a) to = choice[v] - 1;
            moves.push_back(s[a][from]), moves.push_back(to);
            cost += 1 + s[a].size() - from;
            s[to].insert(s[to].end(), s[a].begin() + from, s[a].end());
            s[a].resize(from);
        }
        s[a].pop_back();
    }
    return cost;
}

int main() {
    int n, m;
    scanf("%*d");
    while (scanf("%d %d", &n, &m) > 0) {
        Stacks s(m, vector<int>(n / m));
        for (auto &row : s)
            for (int &v : row) scanf("%d", &v);
        vector<int> choice(n + 1), cut(n + 1), kept;
        int least = play(s, n, choice, cut, kept);
        for (int t = 0; t < 12000; t++) {
            vector<int> other = choice, cuts = cut, moves;
            for (int k = 1 + rand() % 2; k--;) {
                other[1 + rand() % n] = rand() % (m + 1);
                cuts[1 + rand() % n] = rand() % 2 ? rand() % 8 : 0;
            }
            int cost = play(s, n, other, cuts, moves);
            if (cost <= least) least = cost, kept = moves, choice = other, cut = cuts;
        }
        for (int x : kept) printf("%d ", x);
        puts("");
    }
}

#include <cstdio>
#include <cstdlib>
struct Box { int a, b, c, d, wish; };

int main() {
    int n;
    scanf("%*d");
    while (scanf("%d", &n) > 0) {
        Box box[200] = {};
        for (int i = 0; i < n; i++) {
            Box &p = box[i];
            scanf("%d %d %d", &p.a, &p.b, &p.wish);
            p.c = p.a + 1, p.d = p.b + 1;
        }
        for (int t = 0; t < 8 * n; t++) {
            Box &p = box[rand() % n], old = p;
            int k = rand() % 4, bad = 0;
            (&p.a)[k] += k < 2 ? -30 : 30;
            bad += p.a < 0 || p.b < 0 || p.c > 1000 || p.d > 1000;
            bad += (p.c - p.a) * (p.d - p.b) > 1.1 * p.wish;
            for (Box &q : box) bad += p.a < q.c && q.a < p.c && p.b < q.d && q.b < p.d;
            if (bad > 1) p = old;
        }
        for (int i = 0; i < n * 4; i++) printf("%d ", (&box[i / 4].a)[i % 4]);
        puts("");
    }
    return 0;
}

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main() {
    int n, m;
    scanf("%*d");
    while (scanf("%d %d", &n, &m) > 0) {
        char grid[900] = {}, word[30];
        while (m--) {
            scanf("%s", word);
            int length = strlen(word);
            for (int t = 0; t < 3; t++) {
                int x = rand() % n, y = rand() % n, down = rand() % 4 < 1, clash = 0;
                char *cell[30];
                for (int i = 0; i < length; i++) {
                    cell[i] = grid + (down ? (x + i) % n * n + y : x * n + (y + i) % n);
                    clash += *cell[i] && *cell[i] != word[i];
                }
                if (clash > 1) continue;
                for (int i = 0; i < length; i++) *cell[i] = word[i];
                break;
            }
        }
        for (int i = 0; i < n * n; i++) putchar(grid[i] ? grid[i] : 'A');
        puts("");
    }
    return 0;
}

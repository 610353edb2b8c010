/* Times whole processes from a parent so small that their peak memory is their own.
 *
 *     spawn ROUNDS WARMUP PLAN
 *
 * PLAN has a block of lines for each command: the file it reads, the number of output lines that are its answer, the
 * number of its words, the words, the number of its variables, the variables as NAME=VALUE. Rounds are interleaved (A B C A B C): what the machine does to one it does to all.
 * Prints, for each run: the command's number, microseconds until the answer, until the end, of user and of system
 * time, peak memory in KiB, exit status. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct command {
    char *input;
    int answer_lines;
    char **words;
    char **variables;
};

static char *line(FILE *plan) {
    char *text = NULL;
    size_t room = 0;
    ssize_t length = getline(&text, &room, plan);
    if (length <= 0) return NULL;
    if (text[length - 1] == '\n') text[length - 1] = 0;
    return text;
}

/* A count, then so many lines. */
static char **list(FILE *plan) {
    char *count = line(plan);
    int length = count ? atoi(count) : 0;
    char **lines = calloc((size_t)length + 1, sizeof(char *));
    for (int i = 0; i < length; i++) lines[i] = line(plan);
    return lines;
}

static long since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000000L + (now.tv_nsec - start->tv_nsec) / 1000;
}

static long microseconds(struct timeval value) {
    return value.tv_sec * 1000000L + value.tv_usec;
}

/* Runs one command; 0 if it could not be run. */
static int run(int number, const struct command *command, int show) {
    int output[2], status = 0, lines = 0;
    long answer = -1;
    char buffer[65536];
    struct timespec start;
    struct rusage usage;
    if (pipe2(output, O_CLOEXEC) < 0) return 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, command->input, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child;
    if (posix_spawn(&child, command->words[0], &actions, NULL, command->words, command->variables)) return 0;
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    ssize_t got;
    while ((got = read(output[0], buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < got; i++) lines += buffer[i] == '\n';
        if (answer < 0 && lines >= command->answer_lines) answer = since(&start);
    }
    close(output[0]);
    if (wait4(child, &status, 0, &usage) < 0) return 0;
    long wall = since(&start);
    if (show)
        printf("%d %ld %ld %ld %ld %ld %d\n", number, answer, wall, microseconds(usage.ru_utime),
               microseconds(usage.ru_stime), usage.ru_maxrss,
               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 1;
}

int main(int count, char **args) {
    struct command commands[64];
    int known = 0;
    if (count != 4) return 2;
    FILE *plan = fopen(args[3], "r");
    if (!plan) return 2;
    for (char *input; known < 64 && (input = line(plan)); known++) {
        char *lines = line(plan);
        if (!lines) return 2;
        commands[known] = (struct command){input, atoi(lines), NULL, NULL};
        commands[known].words = list(plan);
        commands[known].variables = list(plan);
    }
    for (int round = -atoi(args[2]); round < atoi(args[1]); round++)
        for (int i = 0; i < known; i++)
            if (!run(i, &commands[i], round >= 0)) return 3;
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch/enter/copy_item.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

/* The packet: an item, and which descriptors accompany it, in their order. */
struct packet {
        bool content, attributes;
        struct item item;
};

#define DESCRIPTORS 2

void item_files_close(struct item_files *files)
{
        files->content = fd_close(files->content);
        files->attributes = fd_close(files->attributes);
}

static void add_descriptors(struct msghdr *message, const int *fds, size_t count)
{
        struct cmsghdr *header;

        message->msg_controllen = CMSG_SPACE(count * sizeof(int));
        header = CMSG_FIRSTHDR(message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
}

int item_send(int socket, const struct item *item, const struct item_files *files,
              struct machine_error *error)
{
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))] = { 0 };
        struct packet packet = { files->content >= 0, files->attributes >= 0, *item };
        struct iovec data = { &packet, sizeof packet };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control };
        int fds[DESCRIPTORS];
        size_t count = 0;

        if (packet.content) {
                fds[count++] = files->content;
        }
        if (packet.attributes) {
                fds[count++] = files->attributes;
        }
        if (count > 0) {
                add_descriptors(&message, fds, count);
        } else {
                message.msg_control = NULL;
        }
        while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
                if (errno == EPIPE || errno == ECONNRESET) {
                        return -EPIPE;
                }
                if (errno != EINTR) {
                        return error_set(error, errno, "cannot hand over \"%s\"", item->name);
                }
        }
        return 0;
}

/* Assigns the received descriptors, and closes those that are not expected. */
static void take_descriptors(struct msghdr *message, const struct packet *packet,
                             struct item_files *ret)
{
        const struct cmsghdr *header = CMSG_FIRSTHDR(message);
        int fds[DESCRIPTORS] = { -EBADF, -EBADF };
        size_t next = 0;

        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
                memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
        }
        if (packet->content) {
                ret->content = fds[next++];
        }
        if (packet->attributes) {
                ret->attributes = fds[next++];
        }
        while (next < DESCRIPTORS) {
                fd_close(fds[next++]);
        }
}

static bool is_time(const struct timespec *time)
{
        return time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

/* Checks that the type of an item matches its mode. */
static bool is_of_type(const struct item *item)
{
        switch (item->type) {
        case ITEM_FILE:
                return S_ISREG(item->mode);
        case ITEM_LINK:
                return S_ISLNK(item->mode);
        case ITEM_SPECIAL:
                return S_ISFIFO(item->mode) || S_ISSOCK(item->mode);
        case ITEM_ENTER:
        case ITEM_LEAVE:
                return S_ISDIR(item->mode);
        case ITEM_HARD_LINK:
        case ITEM_END:
                return true;
        }
        return false;
}

static bool is_sound(const struct item *item, const struct item_files *files)
{
        return memchr(item->name, '\0', sizeof item->name) &&
               memchr(item->target, '\0', sizeof item->target) && is_of_type(item) &&
               (item->type != ITEM_FILE || files->content >= 0) &&
               (item->type > ITEM_ENTER || path_is_component(item->name)) &&
               is_time(&item->times[0]) && is_time(&item->times[1]);
}

int item_receive(int socket, struct item *ret, struct item_files *ret_files,
                 struct machine_error *error)
{
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
        struct packet packet = { 0 };
        struct iovec data = { &packet, sizeof packet };
        struct msghdr message = {
                .msg_iov = &data,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof control,
        };
        _cleanup_item_files_ struct item_files files = ITEM_FILES_INIT;
        ssize_t n;

        do {
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
                return -EPIPE;
        }
        if (n < 0) {
                return error_set(error, errno, "cannot receive what is to be copied");
        }
        take_descriptors(&message, &packet, &files);
        if (n != sizeof packet || !is_sound(&packet.item, &files)) {
                return error_say(error, EBADMSG, "what is to be copied came in damaged");
        }
        *ret = packet.item;
        *ret_files = files;
        files = (struct item_files)ITEM_FILES_INIT;
        return 0;
}

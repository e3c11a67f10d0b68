#include "ipc/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/sandbox_private.h"

bool sandbox_drop_user(const char *user, struct error *err) {
    if (!user || geteuid() != 0)
        return true;
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return error_set(
            err, ENOENT,
            "there is no user '%s'; create it, or name another with 'run-as' in the configuration", user);
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    int at_parents_death = 0; /* prctl(2): a change of user takes this signal away */
    prctl(PR_GET_PDEATHSIG, &at_parents_death);
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0 ||
        prctl(PR_SET_PDEATHSIG, at_parents_death) != 0)
        return error_set(err, errno, "cannot become user '%s': %s", user, strerror(errno));
    return true;
}

bool sandbox_enter(enum sandbox_part part, const struct sandbox_rights *rights, enum sandbox_level level,
                   struct error *err) {
    static const struct sandbox_rights none;
    int landlock;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(err, errno, "cannot give up new privileges: %s", strerror(errno));
    if (!rights)
        rights = &none;
    if (!sandbox_guard_capabilities(part, rights, err) || !sandbox_guard_files(part, rights, &landlock, err))
        return false;
    if (!landlock && level == SANDBOX_FULL)
        return error_set(
            err, ENOSYS,
            "this kernel has no Landlock, which keeps each process to its files: start the system "
            "with 'landlock' in the kernel's 'lsm=' list, or accept less with 'sandbox = partial'");
    if (!landlock)
        log_notice("the kernel has no Landlock: files are guarded by permissions and system calls only");
    return (!rights->start || rights->start(rights->context, err)) && sandbox_guard_descriptors(rights, err) &&
           sandbox_guard_calls(part, rights, err);
}

package door

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxNames bounds what is read of /etc/passwd and /etc/group, in bytes.
const maxNames = 4 << 20

// idOf returns the number of a user or group from a file like /etc/passwd: NAME:PASSWORD:ID:... A number stands for itself.
func idOf(file, name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxNames))
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4)
		if len(fields) < 3 || fields[0] != name {
			continue
		}
		n, err := strconv.ParseUint(fields[2], 10, 31)
		if err != nil {
			return 0, fmt.Errorf("%s: the id of %s is not a number", file, name)
		}
		return int(n), nil
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return 0, fmt.Errorf("%s: no %s there", file, name)
}

const (
	passwd = "/etc/passwd"
	groups = "/etc/group"
)

// owner returns the numbers of Look.Owner, -1 for what is to be left alone.
func owner(look Look) (uid, gid int, remarks []string) {
	user, group, _ := strings.Cut(look.Owner, ":")
	id := func(file, name string) int {
		if name == "" {
			return -1
		}
		n, err := idOf(file, name)
		if err != nil {
			remarks = append(remarks, fmt.Sprintf("socket_owner %s: left alone: %v", look.Owner, err))
			return -1
		}
		return n
	}
	uid = id(passwd, user)
	gid = id(groups, group)
	return uid, gid, remarks
}

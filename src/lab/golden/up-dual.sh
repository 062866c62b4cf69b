# make-switch: there is none
ip -batch - <<'END'
netns add podwire-switch
link add pw-podwire type veth peer name host netns podwire-switch
link set pw-podwire alias podwire/lab/podwire/unfinished
address add 10.44.0.1/25 dev pw-podwire
link set pw-podwire up
route add 10.44.0.0/24 via 10.44.0.4
address add fd44:a2c::1/64 dev pw-podwire nodad
route add fd44:a2c::/62 via fd44:a2c::4
END
ip -netns podwire-switch -batch - <<'END'
link set lo up
link add switch address 02:70:0a:2c:00:04 type bridge forward_delay 0 mcast_snooping 0
address add 10.44.0.4/25 dev switch
address add fd44:a2c::4/64 dev switch nodad
link set switch alias podwire/lab/podwire up
link add switch2 address 02:70:0a:2c:00:84 type bridge forward_delay 0 mcast_snooping 0
address add 10.44.0.132/25 dev switch2
address add fd44:a2c:0:1::4/64 dev switch2 nodad
link set switch2 alias podwire/lab/podwire up
link set host alias podwire/lab/podwire master switch up
route add 203.0.113.0/24 via 10.44.0.3
route add 2001:db8::/64 via fd44:a2c::3
END
nsenter --net=/run/netns/podwire-switch sh -euc 'cd /proc/sys/net/ipv4; echo 1 > ip_forward; echo 0 > icmp_ratelimit'
nsenter --net=/run/netns/podwire-switch sh -euc 'cd /proc/sys/net/ipv6; echo 1 > conf/all/forwarding; echo 0 > icmp/ratelimit'
ip link set pw-podwire alias podwire/lab/podwire

# start-image-door: not running
mkdir -p /sys/fs/cgroup/podwire/podwire/image-door
(
  for fd in /proc/$BASHPID/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done
  echo $BASHPID > /sys/fs/cgroup/podwire/podwire/image-door/cgroup.procs
  cd /; exec setsid s6-supervise /var/lib/podwire/labs/podwire/image-door
) < /dev/null > /var/lib/podwire/labs/podwire/image-door/log 2>&1 &

# start-internet: not running
mkdir -p /sys/fs/cgroup/podwire/podwire/internet
(
  for fd in /proc/$BASHPID/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi; done
  echo $BASHPID > /sys/fs/cgroup/podwire/podwire/internet/cgroup.procs
  cd /; exec setsid s6-supervise /var/lib/podwire/labs/podwire/internet
) < /dev/null > /var/lib/podwire/labs/podwire/internet/log 2>&1 &

# what it keeps alive:
#   nsenter --net=/proc/self/fd/3 ip -force -batch - 2> /dev/null <<'END' || true
#   tuntap add dev internet mode tap
#   link set internet alias podwire/lab/podwire/internet
#   address replace 198.51.100.1/24 dev internet
#   link set internet up
#   route replace default via 198.51.100.2 dev internet onlink
#   END
#   nsenter --net=/proc/self/fd/3 sh -eu <<'END'
#   echo 1 > /proc/sys/net/ipv4/conf/internet/proxy_arp
#   echo 1 > /proc/sys/net/ipv4/conf/internet/ignore_routes_with_linkdown
#   echo 0 > /proc/sys/net/ipv4/neigh/internet/proxy_delay
#   END
#   {
#     echo 'route flush type prohibit'
#     { ip -4 route show table local type local; ip -4 route show; } | while read -r first second rest; do
#       case "$first $second $rest " in
#         *' dev pw-podwire '*) ;;
#         "local "*) echo "route replace prohibit $second" ;;
#         *" dev pw-"*) echo "route replace prohibit $first" ;;
#       esac
#     done
#     echo 'route replace prohibit 10.45.0.0/16'
#     echo 'route replace prohibit 10.46.0.0/16'
#     echo 'route replace prohibit 169.254.0.0/16'
#   } | nsenter --net=/proc/self/fd/3 ip -force -batch - 2> /dev/null || true
#   umount -R /run/netns
#   exec slirp4netns --cidr=198.51.100.0/24 --disable-host-loopback --enable-sandbox --netns-type=path /proc/self/fd/3 internet

# start-machines: not running
for fd in /proc/$$/fd/*; do fd=${fd##*/}; if [ "$fd" -gt 3 ]; then eval "exec $fd>&-"; fi; done
mkdir -p /sys/fs/cgroup/podwire /sys/fs/cgroup/podwire/podwire
for group in /sys/fs/cgroup/podwire /sys/fs/cgroup/podwire/podwire; do
  read -r controllers < $group/cgroup.controllers || controllers=
  for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done
done
start() { exec sh -c 'echo $$ > "$1/cgroup.procs"; exec unshare --net --mount --uts --ipc --cgroup sh -eu "$2"' sh "$1" "$2"; }
mkdir -p /sys/fs/cgroup/podwire/podwire/control-plane
start /sys/fs/cgroup/podwire/podwire/control-plane /var/lib/podwire/labs/podwire/machines/control-plane/boot & boot0=$!
mkdir -p /sys/fs/cgroup/podwire/podwire/node1
start /sys/fs/cgroup/podwire/podwire/node1 /var/lib/podwire/labs/podwire/machines/node1/boot & boot1=$!
mkdir -p /sys/fs/cgroup/podwire/podwire/node2
start /sys/fs/cgroup/podwire/podwire/node2 /var/lib/podwire/labs/podwire/machines/node2/boot & boot2=$!
mkdir -p /sys/fs/cgroup/podwire/podwire/outside
start /sys/fs/cgroup/podwire/podwire/outside /var/lib/podwire/labs/podwire/machines/outside/boot & boot3=$!
wait $boot0
wait $boot1
wait $boot2
wait $boot3

# the boot script of control-plane:
#   # control-plane of lab podwire: made by podwire, run inside its net, mount, uts, ipc and cgroup namespaces
#
#   echo control-plane > /proc/sys/kernel/hostname
#   for setting in accept_ra accept_dad accept_redirects; do echo 0 > /proc/sys/net/ipv6/conf/default/$setting; done
#   echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
#   printf '%s\n' "link add control-plane up master switch type veth peer name eth0 address 02:70:0a:2c:00:02 netns $$" 'link set control-plane alias podwire/lab/podwire/control-plane' | nsenter --net=/run/netns/podwire-switch ip -batch -
#   umount -R /run/netns # this copy would keep the switches of other labs alive
#   ip -batch - <<'END'
#   link set lo up
#   address add 10.44.0.2/25 dev eth0
#   link set eth0 alias podwire/lab/podwire/control-plane up
#   route add default via 10.44.0.4
#   route add 203.0.113.0/24 via 10.44.0.3
#   route add 10.44.0.0/24 via 10.44.0.4
#   address add fd44:a2c::2/64 dev eth0 nodad
#   route add default via fd44:a2c::4
#   route add 2001:db8::/64 via fd44:a2c::3
#   route add fd44:a2c::/62 via fd44:a2c::4
#   END
#   echo 1 > /proc/sys/net/ipv4/ip_forward
#
#   mount --all --fstab /var/lib/podwire/labs/podwire/machines/control-plane/fstab
#   mount --make-rshared /
#   mkdir /sys/fs/cgroup/init /sys/fs/cgroup/system
#   echo $$ > /sys/fs/cgroup/init/cgroup.procs
#   for group in /sys/fs/cgroup; do
#     read -r controllers < $group/cgroup.controllers || controllers=
#     for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done
#   done
#   mkdir -p /run/netns /run/lock /run/podwire
#   cp -R -p /var/lib/podwire/machine/service /run/service
#   mkdir -p /run/systemd/resolve; cp /var/lib/podwire/machine/etc/resolv.conf /run/systemd/resolve/stub-resolv.conf
#
#   setsid unshare --pid --fork --kill-child --mount-proc --propagation unchanged \
#     env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 s6-svscan /run/service \
#     < /dev/null > /var/log/podwire/console.log 2>&1 3>&- &
# and its fstab:
#   podwire-sys /sys sysfs defaults 0 0
#   podwire-cgroup /sys/fs/cgroup cgroup2 defaults 0 0
#   podwire-run /run tmpfs mode=755,nosuid,nodev 0 0
#   /var/lib/podwire/labs/podwire/machines/control-plane/lib/podwire/machine/etc/hosts /etc/hosts none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/control-plane/log /var/log none bind 0 0
#   /var/lib/podwire/images /var/lib/podwire/labs/podwire/machines/control-plane/lib/podwire/images none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/control-plane/lib /var/lib none rbind 0 0

# the boot script of node1:
#   # node1 of lab podwire: made by podwire, run inside its net, mount, uts, ipc and cgroup namespaces
#
#   echo node1 > /proc/sys/kernel/hostname
#   for setting in accept_ra accept_dad accept_redirects; do echo 0 > /proc/sys/net/ipv6/conf/default/$setting; done
#   echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
#   printf '%s\n' "link add node1 up master switch type veth peer name eth0 address 02:70:0a:2c:00:0b netns $$" 'link set node1 alias podwire/lab/podwire/node1' | nsenter --net=/run/netns/podwire-switch ip -batch -
#   umount -R /run/netns # this copy would keep the switches of other labs alive
#   ip -batch - <<'END'
#   link set lo up
#   address add 10.44.0.11/25 dev eth0
#   link set eth0 alias podwire/lab/podwire/node1 up
#   route add default via 10.44.0.4
#   route add 203.0.113.0/24 via 10.44.0.3
#   route add 10.44.0.0/24 via 10.44.0.4
#   address add fd44:a2c::b/64 dev eth0 nodad
#   route add default via fd44:a2c::4
#   route add 2001:db8::/64 via fd44:a2c::3
#   route add fd44:a2c::/62 via fd44:a2c::4
#   END
#   echo 1 > /proc/sys/net/ipv4/ip_forward
#
#   mount --all --fstab /var/lib/podwire/labs/podwire/machines/node1/fstab
#   mount --make-rshared /
#   mkdir /sys/fs/cgroup/init /sys/fs/cgroup/system
#   echo $$ > /sys/fs/cgroup/init/cgroup.procs
#   for group in /sys/fs/cgroup; do
#     read -r controllers < $group/cgroup.controllers || controllers=
#     for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done
#   done
#   mkdir -p /run/netns /run/lock /run/podwire
#   cp -R -p /var/lib/podwire/machine/service /run/service
#   mkdir -p /run/systemd/resolve; cp /var/lib/podwire/machine/etc/resolv.conf /run/systemd/resolve/stub-resolv.conf
#
#   setsid unshare --pid --fork --kill-child --mount-proc --propagation unchanged \
#     env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 s6-svscan /run/service \
#     < /dev/null > /var/log/podwire/console.log 2>&1 3>&- &
# and its fstab:
#   podwire-sys /sys sysfs defaults 0 0
#   podwire-cgroup /sys/fs/cgroup cgroup2 defaults 0 0
#   podwire-run /run tmpfs mode=755,nosuid,nodev 0 0
#   /var/lib/podwire/labs/podwire/machines/node1/lib/podwire/machine/etc/hosts /etc/hosts none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/node1/log /var/log none bind 0 0
#   /var/lib/podwire/images /var/lib/podwire/labs/podwire/machines/node1/lib/podwire/images none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/node1/lib /var/lib none rbind 0 0

# the boot script of node2:
#   # node2 of lab podwire: made by podwire, run inside its net, mount, uts, ipc and cgroup namespaces
#
#   echo node2 > /proc/sys/kernel/hostname
#   for setting in accept_ra accept_dad accept_redirects; do echo 0 > /proc/sys/net/ipv6/conf/default/$setting; done
#   echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
#   printf '%s\n' "link add node2 up master switch2 type veth peer name eth0 address 02:70:0a:2c:00:8c netns $$" 'link set node2 alias podwire/lab/podwire/node2' | nsenter --net=/run/netns/podwire-switch ip -batch -
#   umount -R /run/netns # this copy would keep the switches of other labs alive
#   ip -batch - <<'END'
#   link set lo up
#   address add 10.44.0.140/25 dev eth0
#   link set eth0 alias podwire/lab/podwire/node2 up
#   route add default via 10.44.0.132
#   address add fd44:a2c:0:1::c/64 dev eth0 nodad
#   route add default via fd44:a2c:0:1::4
#   END
#   echo 1 > /proc/sys/net/ipv4/ip_forward
#
#   mount --all --fstab /var/lib/podwire/labs/podwire/machines/node2/fstab
#   mount --make-rshared /
#   mkdir /sys/fs/cgroup/init /sys/fs/cgroup/system
#   echo $$ > /sys/fs/cgroup/init/cgroup.procs
#   for group in /sys/fs/cgroup; do
#     read -r controllers < $group/cgroup.controllers || controllers=
#     for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done
#   done
#   mkdir -p /run/netns /run/lock /run/podwire
#   cp -R -p /var/lib/podwire/machine/service /run/service
#   mkdir -p /run/systemd/resolve; cp /var/lib/podwire/machine/etc/resolv.conf /run/systemd/resolve/stub-resolv.conf
#
#   setsid unshare --pid --fork --kill-child --mount-proc --propagation unchanged \
#     env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 s6-svscan /run/service \
#     < /dev/null > /var/log/podwire/console.log 2>&1 3>&- &
# and its fstab:
#   podwire-sys /sys sysfs defaults 0 0
#   podwire-cgroup /sys/fs/cgroup cgroup2 defaults 0 0
#   podwire-run /run tmpfs mode=755,nosuid,nodev 0 0
#   /var/lib/podwire/labs/podwire/machines/node2/lib/podwire/machine/etc/hosts /etc/hosts none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/node2/log /var/log none bind 0 0
#   /var/lib/podwire/images /var/lib/podwire/labs/podwire/machines/node2/lib/podwire/images none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/node2/lib /var/lib none rbind 0 0

# the boot script of outside:
#   # outside of lab podwire: made by podwire, run inside its net, mount, uts, ipc and cgroup namespaces
#
#   echo outside > /proc/sys/kernel/hostname
#   for setting in accept_ra accept_dad accept_redirects; do echo 0 > /proc/sys/net/ipv6/conf/default/$setting; done
#   printf '%s\n' "link add outside up master switch type veth peer name eth0 address 02:70:0a:2c:00:03 netns $$" 'link set outside alias podwire/lab/podwire/outside' | nsenter --net=/run/netns/podwire-switch ip -batch -
#   umount -R /run/netns # this copy would keep the switches of other labs alive
#   ip -batch - <<'END'
#   link set lo up
#   address add 10.44.0.3/25 dev eth0
#   link set eth0 alias podwire/lab/podwire/outside up
#   address add 203.0.113.1/32 dev lo
#   route add 10.44.0.0/24 via 10.44.0.4
#   address add fd44:a2c::3/64 dev eth0 nodad
#   address add 2001:db8::1/128 dev lo nodad
#   route add fd44:a2c::/62 via fd44:a2c::4
#   END
#
#   mount --all --fstab /var/lib/podwire/labs/podwire/machines/outside/fstab
#   mount --make-rshared /
#   mkdir /sys/fs/cgroup/init /sys/fs/cgroup/system
#   echo $$ > /sys/fs/cgroup/init/cgroup.procs
#   for group in /sys/fs/cgroup; do
#     read -r controllers < $group/cgroup.controllers || controllers=
#     for controller in $controllers; do { echo "+$controller" > $group/cgroup.subtree_control; } 2> /dev/null || true; done
#   done
#   mkdir -p /run/netns /run/lock /run/podwire
#   cp -R -p /var/lib/podwire/machine/service /run/service
#   mkdir -p /run/systemd/resolve; cp /var/lib/podwire/machine/etc/resolv.conf /run/systemd/resolve/stub-resolv.conf
#
#   setsid unshare --pid --fork --kill-child --mount-proc --propagation unchanged \
#     env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 s6-svscan /run/service \
#     < /dev/null > /var/log/podwire/console.log 2>&1 3>&- &
# and its fstab:
#   podwire-sys /sys sysfs defaults 0 0
#   podwire-cgroup /sys/fs/cgroup cgroup2 defaults 0 0
#   podwire-run /run tmpfs mode=755,nosuid,nodev 0 0
#   /var/lib/podwire/labs/podwire/machines/outside/lib/podwire/machine/etc/hosts /etc/hosts none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/outside/log /var/log none bind 0 0
#   /var/lib/podwire/images /var/lib/podwire/labs/podwire/machines/outside/lib/podwire/images none bind 0 0
#   /var/lib/podwire/labs/podwire/machines/outside/lib /var/lib none rbind 0 0

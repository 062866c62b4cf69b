# end-machine image-door: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/image-door/cgroup.kill

# end-machine internet: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/internet/cgroup.kill

# end-machine control-plane: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/control-plane/cgroup.kill

# end-machine node1: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/node1/cgroup.kill

# end-machine node2: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/node2/cgroup.kill

# end-machine outside: the lab ends
echo 1 > /sys/fs/cgroup/podwire/podwire/outside/cgroup.kill

# clear-machine image-door: the lab ends
find /sys/fs/cgroup/podwire/podwire/image-door -depth -type d -exec rmdir {} +

# clear-machine internet: the lab ends
find /sys/fs/cgroup/podwire/podwire/internet -depth -type d -exec rmdir {} +

# clear-machine control-plane: the lab ends
find /sys/fs/cgroup/podwire/podwire/control-plane -depth -type d -exec rmdir {} +

# clear-machine node1: the lab ends
find /sys/fs/cgroup/podwire/podwire/node1 -depth -type d -exec rmdir {} +

# clear-machine node2: the lab ends
find /sys/fs/cgroup/podwire/podwire/node2 -depth -type d -exec rmdir {} +

# clear-machine outside: the lab ends
find /sys/fs/cgroup/podwire/podwire/outside -depth -type d -exec rmdir {} +

# remove-switch: the lab ends
ip -force -batch - <<'END'
link delete pw-podwire
netns delete podwire-switch
END

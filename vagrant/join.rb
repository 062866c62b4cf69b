# What happens on the host after a machine is up: a worker runs the line that the control plane hands out, as a user would on any
# machine, and the administrator's kubeconfig is saved beside Vagrant's own state.
module PodwireVagrant
  LIMIT_SECONDS = 600
  # One that was destroyed is Ready until the cluster has missed its signs of life for 40 s.
  GRACE_SECONDS = 120
  KUBECONFIG = "/etc/podwire/admin.kubeconfig"

  module_function

  # Does nothing on a machine that belongs to a cluster already.
  def join(env, worker, address, control_plane_address)
    return if worker.communicate.test("test -e /var/lib/podwire/agent/kubeconfig", sudo: true)

    line = "#{join_line(env, worker, control_plane_address)} --node-ip #{address}"
    worker.ui.info(line.sub(/--token \S+/, "--token …"))
    limit = now + GRACE_SECONDS
    until (said = run(worker, line)).nil?
      raise "#{worker.name}: #{said}" unless said.include?("a machine of that name lives") && now < limit

      worker.ui.detail("waits until the machine that had this name is taken for dead")
      sleep 5
    end
  end

  # Nil when it went well, else what it said.
  def run(worker, line)
    said = +""
    code = worker.communicate.sudo(line, error_check: false) do |_, text|
      said << text
      worker.ui.detail(text.chomp)
    end
    code.zero? ? nil : said
  end

  def save_kubeconfig(env, control_plane)
    file = env.local_data_path.join("podwire.kubeconfig")
    File.write(file, output(control_plane.communicate, "cat #{KUBECONFIG}"), perm: 0o600)
    control_plane.ui.info("export KUBECONFIG=#{file}")
  end

  # Machines come up at the same time: a worker waits until it reaches its control plane.
  def join_line(env, worker, control_plane_address)
    limit = now + LIMIT_SECONDS
    # Only once it answers there is its own thread done with the keys of its SSH.
    until worker.communicate.test("timeout 10 bash -c 'exec 3<>/dev/tcp/#{control_plane_address}/6443'")
      if now > limit
        raise "#{worker.name}: https://#{control_plane_address}:6443 does not answer after #{LIMIT_SECONDS} s: vagrant up control-plane"
      end

      sleep 2
    end
    control_plane = connect(env.machine(:"control-plane", worker.provider_name))
    begin
      output(control_plane, "podwire token create --print-join-command").strip
    rescue Vagrant::Errors::VagrantError
      # It answers, but slowly: many things begin at once.
      raise if now > limit

      sleep 2
      retry
    end
  end

  # A connection of one's own: that of the machine is used by its own thread at the same time, and an SSH session is for one only.
  def connect(machine)
    Vagrant.plugin("2").manager.communicators[:ssh].new(machine)
  end

  def output(communicator, command)
    text = +""
    communicator.sudo(command) { |stream, part| text << part if stream == :stdout }
    text
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end

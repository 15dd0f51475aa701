// Comfort for browsers that run scripts; every page works without it.
(() => {
  function each(selector, act) {
    Array.prototype.forEach.call(document.querySelectorAll(selector), act);
  }

  // After an answer or an error the reader should start there.
  each('[data-focus]', (element) => {
    element.focus();
  });

  each('[data-print]', (button) => {
    button.hidden = false;
    button.addEventListener('click', () => {
      window.print();
    });
  });

  each('[data-locate]', (box) => {
    if (!navigator.geolocation) return;
    var add = box.querySelector('[data-locate-add]');
    var remove = box.querySelector('[data-locate-remove]');
    var status = box.querySelector('[data-locate-status]');
    var fields = ['lat', 'lon', 'accuracyM'].map((name) => document.querySelector(`input[name="${name}"]`));
    function fill(values) {
      fields.forEach((field, index) => {
        field.value = values[index];
      });
      remove.hidden = values[0] === '';
    }
    box.hidden = false;
    remove.hidden = fields[0].value === '';
    if (!remove.hidden) status.textContent = box.dataset.located + fields[2].value;
    add.addEventListener('click', () => {
      status.textContent = box.dataset.locating;
      navigator.geolocation.getCurrentPosition(
        (position) => {
          var accuracy = Math.round(position.coords.accuracy);
          fill([position.coords.latitude.toFixed(6), position.coords.longitude.toFixed(6), String(accuracy)]);
          status.textContent = box.dataset.located + accuracy;
        },
        () => {
          status.textContent = box.dataset.failed;
        },
        { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 },
      );
    });
    remove.addEventListener('click', () => {
      fill(['', '', '']);
      status.textContent = '';
      add.focus();
    });
  });

  // Says before sending what the server would say after it.
  each('[data-max-files]', (input) => {
    var problem = document.querySelector('[data-files-problem]');
    var label = input.dataset;
    function check() {
      var said = '';
      if (input.files.length > Number(label.maxFiles)) said = label.tooMany;
      Array.prototype.forEach.call(input.files, (file) => {
        if (file.size > Number(label.maxBytes)) said = label.tooLarge.replace('{name}', file.name);
      });
      problem.textContent = said;
      problem.hidden = said === '';
      return said === '';
    }
    input.addEventListener('change', check);
    input.form.addEventListener('submit', (event) => {
      if (check()) return;
      event.preventDefault();
      input.focus();
    });
  });

  each('[data-form]', (form) => {
    var button = form.querySelector('[data-submit]');
    var label = button.textContent;
    var sent = false;
    form.addEventListener('submit', (event) => {
      if (event.defaultPrevented) return;
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      button.setAttribute('aria-disabled', 'true');
      button.textContent = form.dataset.sending;
    });
    // The Back button may bring the page back as it was left.
    window.addEventListener('pageshow', () => {
      sent = false;
      button.removeAttribute('aria-disabled');
      button.textContent = label;
    });
  });
})();
